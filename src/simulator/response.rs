//! A response of the simulator, and how it travels: whole, slowly, in part, or not at all.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::http::HttpResponse;

/// In bytes.
pub(super) const MEBIBYTE: usize = 1024 * 1024;

/// A response of the simulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedResponse {
    /// The response. With [`Delivery::Cut`], its body is the part that arrives.
    pub http: HttpResponse,
    /// How it travels.
    pub delivery: Delivery,
}

/// How a response travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Whole.
    Whole,
    /// The body in this many pieces, with a pause before each.
    SlowBody {
        /// How many pieces.
        pieces: usize,
        /// The pause.
        pause: Duration,
    },
    /// A pause before each byte of the head.
    SlowHead {
        /// The pause.
        pause: Duration,
    },
    /// The connection is reset before the first byte.
    Reset,
    /// The connection ends before the length that the head promises.
    Cut {
        /// It is reset, not closed.
        reset: bool,
    },
    /// Nothing arrives, and the connection stays open.
    Hang,
    /// This many MiB of blanks follow the body.
    Blanks {
        /// The size in MiB.
        mebibytes: usize,
    },
    /// A second response follows immediately.
    Followed(Box<SimulatedResponse>),
}

impl SimulatedResponse {
    /// Sends the response. Returns whether the connection can carry another request; an error means that the client is
    /// gone.
    pub(crate) async fn send(&self, stream: &mut TcpStream) -> io::Result<bool> {
        let (head, body) = (self.http.head(), self.http.body.as_slice());
        match &self.delivery {
            Delivery::Whole => {
                stream.write_all(&head).await?;
                stream.write_all(body).await?;
            }
            Delivery::Followed(second) => {
                // In one piece, so that the client has all of it before it can send another request.
                let both = [head.as_slice(), body, &second.http.head(), &second.http.body].concat();
                stream.write_all(&both).await?;
            }
            Delivery::Reset => {
                // Closing without time to linger sends a reset.
                stream.set_zero_linger()?;
                return Ok(false);
            }
            Delivery::Cut { reset } => {
                stream.write_all(&head).await?;
                stream.write_all(body).await?;
                if *reset {
                    stream.set_zero_linger()?;
                } else {
                    stream.shutdown().await?;
                }
                return Ok(false);
            }
            Delivery::SlowBody { pieces, pause } => {
                stream.write_all(&head).await?;
                for piece in body.chunks(body.len().div_ceil((*pieces).max(1)).max(1)) {
                    sleep(*pause).await;
                    stream.write_all(piece).await?;
                }
            }
            Delivery::SlowHead { pause } => {
                for byte in head {
                    sleep(*pause).await;
                    stream.write_all(&[byte]).await?;
                }
                stream.write_all(body).await?;
            }
            Delivery::Blanks { mebibytes } => {
                stream.write_all(&head).await?;
                write_chunk(stream, body).await?;
                let blanks = vec![b' '; MEBIBYTE];
                for _ in 0..*mebibytes {
                    write_chunk(stream, &blanks).await?;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            Delivery::Hang => {
                let mut ignored = [0; 1024];
                while stream.read(&mut ignored).await? > 0 {}
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn write_chunk(stream: &mut TcpStream, chunk: &[u8]) -> io::Result<()> {
    let length = format!("{:x}\r\n", chunk.len());
    stream.write_all(length.as_bytes()).await?;
    stream.write_all(chunk).await?;
    stream.write_all(b"\r\n").await
}
