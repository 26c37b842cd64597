//! Listening and stopping. Workers read and write; everything else runs on the runtime of the application.

use crate::observe::observe;
use crate::routes::{Listener, nowhere};
use crate::state::State;
use crate::{Application, HttpOptions};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that is to close may still be read, so that an early answer arrives before the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listeners that run.
pub struct Serving {
    /// Where the public one listens.
    pub address: SocketAddr,
    /// Where metrics and verbose readiness are served; the public address if that is loopback and no other was chosen.
    pub admin_address: SocketAddr,
    state: web::Data<State>,
    grace: Duration,
    servers: Vec<(ServerHandle, JoinHandle<io::Result<()>>)>,
}

/// Listens, and answers from now on.
///
/// # Errors
/// An address cannot be listened on, or the administration address is a public one.
pub fn serve(options: &HttpOptions, application: Application) -> io::Result<Serving> {
    let admin_bind = options.separate_admin()?;
    let runtime = application.runtime.clone();
    let state = web::Data::new(State::new(application, options));
    let _in_runtime = runtime.enter();
    let listener = if admin_bind.is_some() { Listener::Public } else { Listener::Both };
    let (address, start) = bind(options, options.bind, listener, options.workers, &state)?;
    let (admin_address, start_admin) = match admin_bind {
        None => (address, None),
        Some(own) => bind(options, own, Listener::Admin, 1, &state).map(|(address, start)| (address, Some(start)))?,
    };
    // Nothing runs before every address is ours.
    let servers = [Some(start()), start_admin.map(|start| start())];
    let servers = servers.into_iter().flatten().map(|server| (server.handle(), runtime.spawn(server))).collect();
    Ok(Serving { address, admin_address, state, grace: options.stop_grace, servers })
}

/// Listens for operators alone: metrics and readiness of a process that serves no API.
///
/// # Errors
/// The address cannot be listened on.
pub fn administer(address: SocketAddr, options: &HttpOptions, application: Application) -> io::Result<Serving> {
    let runtime = application.runtime.clone();
    let state = web::Data::new(State::new(application, options));
    let _in_runtime = runtime.enter();
    let (address, start) = bind(options, address, Listener::Admin, 1, &state)?;
    let server = start();
    let servers = vec![(server.handle(), runtime.spawn(server))];
    Ok(Serving { address, admin_address: address, state, grace: options.stop_grace, servers })
}

/// Takes an address, and says which it is and how to begin answering there.
fn bind(
    options: &HttpOptions,
    address: SocketAddr,
    listener: Listener,
    workers: usize,
    state: &web::Data<State>,
) -> io::Result<(SocketAddr, impl FnOnce() -> Server + use<>)> {
    let state = state.clone();
    let server = HttpServer::new(move || {
        let shared = state.clone();
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(move |request, next| observe(shared.clone(), request, next)))
            .configure(|config| listener.routes(config))
            .default_service(web::to(nowhere))
    })
    .workers(workers.max(1))
    .backlog(BACKLOG)
    .tcp_nodelay(true)
    .keep_alive(options.keep_alive)
    .client_request_timeout(HEAD_TIMEOUT)
    .client_disconnect_timeout(CLOSE_TIMEOUT)
    .shutdown_timeout(options.stop_grace.as_secs())
    .disable_signals()
    .bind(address)
    .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    let address = server.addrs().first().copied().unwrap_or(address);
    Ok((address, move || server.run()))
}

impl Serving {
    /// Takes no more connections, lets requests that run finish within the grace of the options, and comes back. Work
    /// whose client has gone is waited for too.
    pub async fn stop(self) {
        let stopping = async {
            for (handle, server) in self.servers {
                handle.stop(true).await;
                if let Ok(Err(error)) = server.await {
                    tracing::warn!(%error, "a listener ended with an error");
                }
            }
            self.state.drained().await;
        };
        if tokio::time::timeout(self.grace, stopping).await.is_err() {
            tracing::warn!("requests still ran when the time to stop was up");
        }
    }
}
