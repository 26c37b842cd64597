//! Lines that a newcomer pastes into a terminal: the seed page's example with real ids.

use crate::maker::Demo;
use overture_domain::entities::ChannelKind;
use overture_domain::values::Secret;
use serde_json::Value;

/// Lines for curl, each with a heading.
pub(crate) struct Samples<'a> {
    pub(crate) url: &'a str,
    pub(crate) key: &'a Secret,
    pub(crate) demo: &'a Demo,
}

impl Samples<'_> {
    /// One compose for each channel there is, and a read of what was composed.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let mut lines: Vec<_> = ChannelKind::ALL
            .iter()
            .filter_map(|kind| Some((heading(*kind).to_owned(), self.compose(&self.body(*kind)?, "curl -i"))))
            .collect();
        if let Some(read) = self.read() {
            lines.push(("Compose once more, and read what became of it".into(), read));
        }
        lines
    }

    /// The example of the API's page, for a kind of channel, in the order of the page.
    fn body(&self, kind: ChannelKind) -> Option<String> {
        let workspace = self.demo.workspace.to_string();
        let channel = self.demo.channel(kind)?.to_string();
        let mut fields = vec![("workspaceId", workspace.as_str()), ("channelId", channel.as_str())];
        fields.push(match kind {
            ChannelKind::Email => ("contactEmail", "jan.mueller@acme-customer.de"),
            ChannelKind::Sms | ChannelKind::WhatsApp => ("contactPhone", "+4915112345678"),
        });
        fields.push(("contactName", "Jan Mueller"));
        if kind == ChannelKind::Email {
            fields.push(("subject", "Follow-up: Your recent order inquiry"));
        }
        fields.push(("content", "Dear Jan, I wanted to follow up on your recent inquiry about order #4521..."));
        let members: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}:{}", Value::from(*name), Value::from(*value))).collect();
        Some(format!("{{{}}}", members.join(",")))
    }

    fn compose(&self, body: &str, curl: &str) -> String {
        format!(
            "{curl} {}/api/conversations/compose -H {} -H 'Content-Type: application/json' -d {}",
            self.url,
            self.authorization(),
            quoted(body)
        )
    }

    /// The address of what was composed is in the header `Location`.
    fn read(&self) -> Option<String> {
        let body = ChannelKind::ALL.iter().find_map(|kind| self.body(*kind))?;
        let location = format!(
            "$({} | awk 'tolower($1)==\"location:\"{{printf \"%s\",$2}}' | tr -d '\\r')",
            self.compose(&body, "curl -sS -o /dev/null -D -")
        );
        Some(format!("curl -sS -H {} \"{}{location}/messages\"", self.authorization(), self.url))
    }

    fn authorization(&self) -> String {
        quoted(&format!("Authorization: Bearer {}", self.key.expose()))
    }
}

fn heading(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Email => "Email",
        ChannelKind::Sms => "SMS",
        ChannelKind::WhatsApp => "WhatsApp",
    }
}

/// A text as one word of a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::ids::{ChannelId, TenantId, WorkspaceId};
    use serde_json::json;
    use uuid::Uuid;

    fn demo(kinds: &[ChannelKind]) -> Demo {
        Demo {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
            channels: kinds.iter().map(|kind| (*kind, ChannelId::from_uuid(Uuid::from_u128(3)))).collect(),
            api_key: None,
        }
    }

    fn lines(kinds: &[ChannelKind]) -> Vec<(String, String)> {
        Samples { url: "http://127.0.0.1:8080", key: &Secret::from("ov_x".to_owned()), demo: &demo(kinds) }.lines()
    }

    #[test]
    fn there_is_a_line_for_each_channel_and_one_that_reads() {
        let headings: Vec<_> = lines(ChannelKind::ALL).into_iter().map(|(heading, _)| heading).collect();
        assert_eq!(headings[..3], ["Email", "SMS", "WhatsApp"]);
        assert_eq!(headings.len(), 4);
        assert_eq!(lines(&[ChannelKind::Sms]).len(), 2);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn the_email_line_carries_the_example_of_the_page_with_real_ids() {
        let (_, line) = lines(ChannelKind::ALL).swap_remove(0);
        let body = line.split(" -d '").nth(1).unwrap().strip_suffix('\'').unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            json!({
                "workspaceId": "00000000-0000-0000-0000-000000000002",
                "channelId": "00000000-0000-0000-0000-000000000003",
                "contactEmail": "jan.mueller@acme-customer.de",
                "contactName": "Jan Mueller",
                "subject": "Follow-up: Your recent order inquiry",
                "content": "Dear Jan, I wanted to follow up on your recent inquiry about order #4521...",
            })
        );
    }

    #[test]
    fn a_shell_reads_every_line_as_it_is_meant() {
        for (heading, line) in lines(ChannelKind::ALL) {
            let read = std::process::Command::new("sh").args(["-n", "-c", &line]).status().unwrap();
            assert!(read.success(), "{heading}: {line}");
            assert!(!line.contains('\n'), "{heading}");
        }
        let said =
            std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted("it's"))]).output().unwrap();
        assert_eq!(said.stdout, b"it's");
    }
}
