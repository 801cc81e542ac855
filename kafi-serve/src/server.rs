//! Listens, answers, and stops.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use kafi_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::guard::Guard;
use crate::metrics::Gauge;
use crate::options::{ServeOptions, Served};
use crate::{registry, rest};

/// The bytes of a request's head, at most.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long nothing is accepted after the system refused to: it has no more descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Makes what answers the requests of an API.
type MakeRouter = fn(Arc<App>, &Served) -> Router;

/// A server, which answers until it is stopped or dropped.
pub struct Server {
    runtime: Option<Runtime>,
    listeners: Vec<Listener>,
    accepting: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// Where an API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The API: `registry` or `rest`.
    pub api: &'static str,
    /// The address, with the port that it got.
    pub address: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
}

impl Server {
    /// Listens and answers, on threads of its own. Does not ask the storage yet.
    ///
    /// # Errors
    /// `Usage` for an address that others can reach, where everybody would be answered; `Io` and `PermissionDenied` where
    /// the system does not let it listen.
    pub fn start(served: Served, options: ServeOptions) -> Result<Self> {
        options.check()?;
        let mut listening = Vec::new();
        let apis: [(&'static str, Option<SocketAddr>, MakeRouter); 2] =
            [(rest::NAME, options.rest, rest::router), (registry::NAME, options.registry, registry::router)];
        for (name, address, make) in apis {
            if let Some(address) = address {
                listening.push((name, listen(address)?, make));
            }
        }
        let runtime = runtime(options.limits.working_max)?;
        let app = Arc::new(App::new(Arc::clone(&served.storage), options));
        let (stop, stopped) = watch::channel(false);
        let (mut listeners, mut accepting) = (Vec::new(), Vec::new());
        let in_runtime = runtime.enter();
        for (name, listener, make) in listening {
            let address = listener.local_addr().map_err(|error| Error::io("listen", error))?;
            listeners.push(Listener { api: name, address, scheme: app.options.scheme() });
            let router = make(Arc::clone(&app), &served);
            let guard = Arc::new(Guard { app: Arc::clone(&app), name, router });
            accepting.push(runtime.spawn(accept(listener, guard, stopped.clone())));
        }
        drop(in_runtime);
        Ok(Self { runtime: Some(runtime), listeners, accepting, stop })
    }

    /// Where it listens.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Accepts nothing more, lets requests be answered that are under way, and ends; after `timeout` in any case.
    ///
    /// # Errors
    /// `Timeout` where requests were cut off.
    pub fn stop(mut self, timeout: Duration) -> Result<()> {
        self.stop.send_replace(true);
        let runtime = self.runtime.take().expect("it is there until the server is stopped");
        let accepting = std::mem::take(&mut self.accepting);
        let ended = runtime.block_on(async {
            tokio::time::timeout(timeout, async {
                for accepting in accepting {
                    // Nobody aborts it, and its panics are logged.
                    let _ended = accepting.await;
                }
            })
            .await
        });
        runtime.shutdown_background();
        ended.map_err(|_| Error::new(ErrorKind::Timeout, "stop server", "requests were still being answered"))
    }
}

impl Drop for Server {
    /// Waits for nothing: what is still under way is dropped.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn runtime(working_max: usize) -> Result<Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8));
    let mut builder = Builder::new_multi_thread();
    // One more for the questions about the server itself.
    builder.worker_threads(threads).max_blocking_threads(working_max.max(1) + 1);
    builder.thread_name("kafi-serve").enable_all().build().map_err(|error| Error::io("start server", error))
}

fn listen(address: SocketAddr) -> Result<StdListener> {
    let listen = || {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|error: io::Error| {
        let is_taken = error.kind() == io::ErrorKind::AddrInUse;
        let error = Error::io("listen", error).with("address", address);
        if is_taken { error.hint("another process listens there; name another port, or 0 for any") } else { error }
    })
}

/// Accepts connections until the server is stopped, and then waits until they end.
async fn accept(listener: StdListener, guard: Arc<Guard>, mut stopped: watch::Receiver<bool>) {
    let listener = TcpListener::from_std(listener).expect("it does not block");
    let ending = GracefulShutdown::new();
    loop {
        let next = async {
            let permit = Arc::clone(&guard.app.connections).acquire_owned().await.expect("it is never closed");
            (permit, listener.accept().await)
        };
        let (permit, accepted) = match select(pin!(next), pin!(stopped.changed())).await {
            Either::Left((next, _)) => next,
            Either::Right(_) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (guard, watcher) = (Arc::clone(&guard), ending.watcher());
                tokio::spawn(async move {
                    serve(stream, peer, guard, watcher).await;
                    drop(permit);
                });
            }
            Err(error) => {
                log::warn!("serve: a connection cannot be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    ending.shutdown().await;
}

/// Serves one connection: greets, if it is one of TLS, and answers.
async fn serve(stream: TcpStream, peer: SocketAddr, guard: Arc<Guard>, watcher: Watcher) {
    let _counted = Gauge::of(&guard.app.metrics.connections);
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("serve: {peer}: {error}");
    }
    let Some(tls) = &guard.app.options.tls else { return answer(stream, peer, &guard, watcher).await };
    match tokio::time::timeout(guard.app.options.limits.wait, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => answer(stream, peer, &guard, watcher).await,
        Ok(Err(error)) => log::info!("serve: {peer}: no TLS: {error}"),
        Err(_) => log::debug!("serve: {peer}: no TLS in time"),
    }
}

/// Answers the requests of one connection, one after another.
async fn answer<S>(stream: S, peer: SocketAddr, guard: &Guard, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request| guard.answer(peer, request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(guard.app.options.limits.wait).max_buf_size(HEAD_BYTES_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        log::debug!("serve: {peer}: {error}");
    }
}
