//! The simulator as a running server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::delivery::{Connection, deliver};
use super::http::read_request;
use super::log::LoggedRequest;
use super::reply::API_PATH;
use super::rule::{FaultScript, Rule};
use super::service::Service;
use super::settings::Settings;
use super::truth::Truth;
use crate::clock::SharedClock;

/// After a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The API on a socket, on a thread of its own; dropping it closes every connection.
///
/// ```
/// use std::sync::Arc;
/// use jdcdn_stats::{clock::SystemClock, simulator::{Settings, Simulator}};
/// let simulator = Simulator::on_loopback(Settings::demo(), Arc::new(SystemClock::new()))?;
/// assert!(simulator.endpoint().starts_with("http://127.0.0.1:"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it stops the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    service: Service,
    clock: SharedClock,
}

impl Simulator {
    /// Serves on `listener`; `clock` decides the signing date, which points exist, and the `Date` header.
    ///
    /// # Errors
    /// When the listener, the runtime or the thread cannot be set up.
    pub fn start(listener: TcpListener, settings: Settings, clock: SharedClock) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            service: Service::new(settings),
            clock,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        listener.set_nonblocking(true)?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Simulator::start`], and when no port can be had.
    pub fn on_loopback(settings: Settings, clock: SharedClock) -> io::Result<Self> {
        Self::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, settings, clock)
    }

    /// The URL to send requests to, such as `http://127.0.0.1:40123/api/origin`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}{API_PATH}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What answers, without the socket.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.shared.service
    }

    /// As [`Service::truth`].
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.service().truth()
    }

    /// As [`Service::requests`].
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.service().requests()
    }

    /// As [`Service::clear_log`].
    pub fn clear_log(&self) {
        self.service().clear_log();
    }

    /// As [`Service::script`].
    pub fn script(&self, script: FaultScript) {
        self.service().script(script);
    }

    /// As [`Service::rule`].
    pub fn rule(&self, rule: Rule) {
        self.service().rule(rule);
    }

    /// As [`Service::clear_faults`].
    pub fn clear_faults(&self) {
        self.service().clear_faults();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed by then, and a second one here would abort.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
            // Out of descriptors, or a client that went away at once: others may still come.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    // Only a matter of speed.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let reply = shared.service.reply(&request, shared.clock.now());
        let latency = shared.service.settings().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match deliver(&mut stream, &reply).await {
            Ok(Connection::Usable) if request.keep_alive() => {}
            _ => return,
        }
    }
}
