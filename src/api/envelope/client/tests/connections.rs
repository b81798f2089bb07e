//! Which connection a request goes through, and what may be read from it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A server that keeps its connections open. It answers each request with its number, and writes what
/// `behind` gives after each answer.
struct Server {
    listener: TcpListener,
    accepted: Arc<AtomicUsize>,
}

/// What a server writes behind an answer.
#[derive(Clone, Copy)]
enum Behind {
    Nothing,
    /// A whole second answer, together with the first.
    AtOnce,
    /// The same in a packet of its own, a moment later.
    Later(Duration),
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

impl Server {
    fn start(behind: Behind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (accepting, count) = (listener.try_clone().unwrap(), Arc::clone(&accepted));
        let requests = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                count.fetch_add(1, Ordering::SeqCst);
                let requests = Arc::clone(&requests);
                thread::spawn(move || converse(stream, behind, &requests));
            }
        });
        Self { listener, accepted }
    }

    fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

fn converse(mut stream: TcpStream, behind: Behind, requests: &AtomicUsize) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 4_096];
    let mut request = Vec::new();
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..read]);
        if !request.ends_with(b"}") {
            continue;
        }
        request.clear();
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let (own, other) = (answer(&number.to_string()), answer("surplus"));
        let written = match behind {
            Behind::Nothing => stream.write_all(own.as_bytes()),
            Behind::AtOnce => stream.write_all((own + &other).as_bytes()),
            Behind::Later(pause) => stream.write_all(own.as_bytes()).and_then(|()| {
                thread::sleep(pause);
                stream.write_all(other.as_bytes())
            }),
        };
        if written.is_err() {
            return;
        }
    }
}

/// Sends one request after the other over one runtime, as a run does; each answer must be its own.
fn converses(client: &Client, times: usize, pause: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for number in 0..times {
        let sent = runtime.block_on(async {
            tokio::time::sleep(pause).await;
            client.send(Map::new(), SigningDate::from_unix(0)).await
        });
        let body = sent.unwrap().body;
        assert_eq!(String::from_utf8_lossy(&body), number.to_string());
    }
}

#[test]
fn every_request_has_a_connection_of_its_own() {
    let server = Server::start(Behind::Nothing);
    converses(&client(&server.listener), 5, Duration::ZERO);
    assert_eq!(server.connections(), 5);
}

#[test]
fn a_second_answer_behind_the_first_is_never_taken_for_the_next_one() {
    let server = Server::start(Behind::AtOnce);
    converses(&client(&server.listener), 300, Duration::ZERO);
    assert_eq!(server.connections(), 300, "no connection is used again");

    let server = Server::start(Behind::Later(Duration::from_millis(2)));
    let pause = Duration::from_millis(20);
    converses(&client(&server.listener), 20, pause);
    assert_eq!(server.connections(), 20, "no connection is used again");
}

#[test]
fn waiting_for_another_large_body_is_no_silence_of_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(&listener);
    // Of two bodies, only one at a time may be as large as this.
    settings.concurrency = 2;
    let body = "x".repeat(MAX_BODY / 2);
    let limit = Duration::from_millis(500);
    (settings.read_timeout, settings.timeout) = (limit, limit);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            read_request(&mut stream);
            stream.write_all(answer(&body).as_bytes()).unwrap();
        }
    });
    let client = Client::new(settings).unwrap();
    let date = SigningDate::from_unix(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let held = runtime.block_on(client.send(Map::new(), date)).unwrap();
    let waiting = runtime.spawn(async move { client.send(Map::new(), date).await });
    thread::sleep(2 * limit);
    assert!(!waiting.is_finished(), "both are held at once");
    drop(held);
    let reply = runtime.block_on(waiting).unwrap().unwrap();
    assert_eq!(reply.body.len(), MAX_BODY / 2);
}
