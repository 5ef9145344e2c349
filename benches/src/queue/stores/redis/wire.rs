//! As much of the protocol of Redis as scripts need.

use std::path::Path;

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::UnixStream,
};

use crate::Result;

/// What the server answers.
#[derive(Debug)]
pub(super) enum Reply {
    Number(i64),
    Bytes(Vec<u8>),
    List(Vec<Reply>),
    Nothing,
}

impl Reply {
    pub(super) fn number(self) -> Result<i64> {
        if let Self::Number(number) = self {
            Ok(number)
        } else {
            Err(unlike("a number", &self))
        }
    }

    pub(super) fn bytes(self) -> Result<Vec<u8>> {
        if let Self::Bytes(bytes) = self {
            Ok(bytes)
        } else {
            Err(unlike("bytes", &self))
        }
    }

    pub(super) fn list(self) -> Result<Vec<Self>> {
        if let Self::List(list) = self {
            Ok(list)
        } else {
            Err(unlike("a list", &self))
        }
    }
}

fn unlike(wanted: &str, reply: &Reply) -> Box<dyn std::error::Error + Send + Sync> {
    format!("redis answered {reply:?} instead of {wanted}").into()
}

/// One connection: a call, then its answer.
pub(super) struct Connection {
    stream: BufStream<UnixStream>,
    /// Kept between calls.
    request: Vec<u8>,
    line: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(socket: &Path) -> Result<Self> {
        let stream = BufStream::new(UnixStream::connect(socket).await?);
        Ok(Self { stream, request: Vec::new(), line: Vec::new() })
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn call(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.request.clear();
        self.request.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.request.extend_from_slice(word);
            self.request.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&self.request).await?;
        self.stream.flush().await?;
        self.reply().await
    }

    fn reply(&mut self) -> BoxFuture<'_, Result<Reply>> {
        Box::pin(async {
            self.line.clear();
            self.stream.read_until(b'\n', &mut self.line).await?;
            let line = self.line.strip_suffix(b"\r\n").ok_or("redis hung up")?;
            let (&kind, rest) = line.split_first().ok_or("redis answered nothing")?;
            let rest = String::from_utf8_lossy(rest).into_owned();
            match kind {
                b'+' => Ok(Reply::Bytes(rest.into_bytes())),
                b'-' => Err(format!("redis: {rest}").into()),
                b':' => Ok(Reply::Number(rest.parse()?)),
                b'$' | b'*' if rest == "-1" => Ok(Reply::Nothing),
                b'$' => self.bytes(rest.parse()?).await,
                b'*' => {
                    let mut list = Vec::new();
                    for _ in 0..rest.parse::<usize>()? {
                        list.push(self.reply().await?);
                    }
                    Ok(Reply::List(list))
                }
                other => Err(format!("redis answered with a {:?}", char::from(other)).into()),
            }
        })
    }

    async fn bytes(&mut self, length: usize) -> Result<Reply> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        Ok(Reply::Bytes(bytes))
    }
}
