//! The way out: every connection that a sender opens goes to an address that was looked at here.
//!
//! Owned here: which addresses may be reached, and resolving a name once so that what was checked is what is connected
//! to (a name may answer differently the next time it is asked). Refused here: speaking any protocol.
//!
//! Where private addresses are not allowed, only what the registries of IANA call globally reachable unicast passes; an
//! IPv6 address that carries an IPv4 address (mapped, compatible, NAT64, 6to4) is judged by the one it carries too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;

/// Decides whom senders may connect to.
#[derive(Debug, Clone, Copy)]
pub struct EgressGuard {
    allow_private: bool,
}

/// Why there is nowhere to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EgressError {
    /// The name has addresses, and none of them may be reached. Asking again will not help.
    #[error("{host} is at {address}, which is {kind}")]
    Refused {
        /// The host as it was configured.
        host: String,
        /// The first address it has.
        address: IpAddr,
        /// What that address is, in words.
        kind: &'static str,
    },
    /// The name has no address now. It may have one later.
    #[error("the name {host} could not be resolved: {reason}")]
    Unresolved {
        /// The host as it was configured.
        host: String,
        /// What the resolver said.
        reason: String,
    },
}

impl EgressGuard {
    /// A guard that lets private, loopback and link-local addresses pass only if told so. Addresses that no connection
    /// can go to (unspecified, multicast, broadcast, reserved) never pass.
    pub const fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// The addresses of a host that may be connected to, in the resolver's order. Connect to these, never to the name.
    ///
    /// # Errors
    /// See [`EgressError`].
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, EgressError> {
        let unresolved = |reason: String| EgressError::Unresolved { host: host.to_owned(), reason };
        let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => {
                tokio::net::lookup_host((host, port)).await.map_err(|error| unresolved(error.to_string()))?.collect()
            }
        };
        let Some(first) = found.first() else { return Err(unresolved("it has no address".to_owned())) };
        let refused = self.refusal(first.ip());
        let allowed: Vec<_> = found.iter().copied().filter(|found| self.refusal(found.ip()).is_none()).collect();
        match refused {
            Some(kind) if allowed.is_empty() => {
                Err(EgressError::Refused { host: host.to_owned(), address: first.ip(), kind })
            }
            _ => Ok(allowed),
        }
    }

    /// Why this address may not be connected to: what it is, in words. `None` if it may.
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        match kind(address) {
            Kind::Global => None,
            Kind::Private(_) if self.allow_private => None,
            Kind::Private(words) | Kind::Unreachable(words) => Some(words),
        }
    }
}

/// What an address is to us.
enum Kind {
    /// Globally reachable unicast.
    Global,
    /// Somewhere near us, or nobody's; reachable if the operator says so.
    Private(&'static str),
    /// No connection can go there.
    Unreachable(&'static str),
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

/// By the IANA IPv4 Special-Purpose Address Registry (RFC 6890).
fn kind_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [0, ..] => Kind::Unreachable("an unspecified address"),
        [224..=239, ..] => Kind::Unreachable("a multicast address"),
        [240..=255, ..] => Kind::Unreachable("a reserved address"),
        [127, ..] => Kind::Private("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private("a private address"),
        [100, 64..=127, ..] => Kind::Private("an address of a carrier's own network"),
        [169, 254, ..] => Kind::Private("a link-local address"),
        [192, 0, 0, _] | [192, 88, 99, _] => Kind::Private("an address of a protocol"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Private("an address for documentation"),
        [198, 18..=19, ..] => Kind::Private("an address for benchmarks"),
        _ => Kind::Global,
    }
}

/// By the IANA IPv6 Special-Purpose Address Registry. Outside 2000::/3 nothing is global unicast but NAT64 (RFC 6052).
fn kind_v6(address: Ipv6Addr) -> Kind {
    let segments = address.segments();
    if let Some(carried) = carried_v4(segments) {
        return kind_v4(carried);
    }
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Unreachable("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Private("a loopback address"),
        [0xff00..=0xffff, ..] => Kind::Unreachable("a multicast address"),
        [0xfe80..=0xfebf, ..] => Kind::Private("a link-local address"),
        [0xfc00..=0xfdff, ..] => Kind::Private("a unique local address"),
        [0xfec0..=0xfeff, ..] => Kind::Private("a site-local address"),
        [0x2001, 0x0000..=0x01ff, ..] => Kind::Private("an address of a protocol"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => Kind::Private("an address for documentation"),
        [0x2000..=0x3fff, ..] => Kind::Global,
        _ => Kind::Private("not a global address"),
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96), compatible (::/96), NAT64 (64:ff9b::/96),
/// 6to4 (2002::/16).
fn carried_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let (high, low) = match segments {
        [0, 0, 0, 0, 0, 0, 0, 0..=1] => return None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            (high, low)
        }
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: EgressGuard = EgressGuard::new(false);
    const LENIENT: EgressGuard = EgressGuard::new(true);

    #[test]
    fn an_address_near_us_passes_only_where_private_ones_are_allowed() {
        for text in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "198.19.255.255",
            "192.88.99.1",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "2001:10::1",
            "100::1",
            "64:ff9b:1::1",
            "5f00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::10.1.2.3",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:c0a8:101::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(STRICT.refusal(address).is_some(), "{text} passed");
            assert_eq!(LENIENT.refusal(address), None, "{text}");
        }
    }

    #[test]
    fn an_address_that_nobody_can_connect_to_never_passes() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
            "::ffff:224.0.0.1",
            "64:ff9b::e000:1",
            "::ffff:0.0.0.0",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(STRICT.refusal(address).is_some(), "{text} passed");
            assert!(LENIENT.refusal(address).is_some(), "{text} passed");
        }
    }

    #[test]
    fn an_address_of_the_open_internet_passes() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "2001:200::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(STRICT.refusal(address), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_addresses_it_has() {
        assert!(matches!(STRICT.resolve("localhost", 25).await, Err(EgressError::Refused { .. })));
        let addresses = LENIENT.resolve("localhost", 25).await.unwrap();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn other_spellings_of_an_address_do_not_slip_through() {
        for spelling in ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "::ffff:127.0.0.1"] {
            assert!(STRICT.resolve(spelling, 25).await.is_err(), "{spelling}");
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_unresolved_and_not_refused() {
        // A label of 64 octets: no resolver has to be asked to know that there is no such name.
        let outcome = STRICT.resolve(&format!("{}.invalid", "a".repeat(64)), 25).await;
        assert!(matches!(outcome, Err(EgressError::Unresolved { .. })), "{outcome:?}");
    }
}
