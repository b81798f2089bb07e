//! The simulator as a running server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::responder::API_PATH;
use super::service::SimulatedService;
use super::settings::Settings;
use crate::clock::SharedClock;
use crate::http::{HttpRequest, read_body, read_head};

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// The longest request head, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The API on a socket, in a thread of its own. Dropping it closes every connection.
///
/// It dereferences to the [`SimulatedService`] that answers, with its log and its faults.
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
    service: Arc<SimulatedService>,
    /// Dropping it stops the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Deref for Simulator {
    type Target = SimulatedService;

    fn deref(&self) -> &SimulatedService {
        &self.service
    }
}

impl Simulator {
    /// Serves on `listener`. `clock` decides the signing date, which points exist, and the `Date` header.
    ///
    /// # Errors
    /// When the listener, the runtime or the thread cannot be set up.
    pub fn start(listener: TcpListener, settings: Settings, clock: SharedClock) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let service = Arc::new(SimulatedService::new(settings));
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
        let serving = accept(listener, Arc::clone(&service), clock);
        let thread = thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serving => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            service,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Simulator::start`], and when no port is free.
    pub fn on_loopback(settings: Settings, clock: SharedClock) -> io::Result<Self> {
        Self::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, settings, clock)
    }

    /// Returns the URL to send requests to, such as `http://127.0.0.1:40123/api/origin`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}{API_PATH}", self.address)
    }

    /// Returns the address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server was printed already, and a second panic here would abort.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, service: Arc<SimulatedService>, clock: SharedClock) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&service), Arc::clone(&clock)));
            }
            // No descriptor is free, or the client went away at once: other clients may still come.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(mut stream: TcpStream, service: Arc<SimulatedService>, clock: SharedClock) {
    // This only affects speed.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let response = service.respond(&request, clock.now());
        let latency = service.settings().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match response.send(&mut stream).await {
            Ok(true) if request.keep_alive() => {}
            _ => return,
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<HttpRequest>> {
    let mut request = read_head(stream, buffer, MAX_HEAD_BYTES).await?;
    if let Some(request) = &mut request {
        read_body(stream, buffer, request).await?;
    }
    Ok(request)
}
