//! The least that an HTTP server on axum can do, for comparison: it greets, on the connections of hyper that `kafi serve`
//! has as well. `cargo xtask bench --http` runs it.

use std::convert::Infallible;

use axum::Router;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower_service::Service;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let router: Router = Router::new().route("/", get(|| async { "hello" }));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let router = router.clone();
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let mut router = router.clone();
                    async move { router.call(request).await as Result<_, Infallible> }
                });
                // A client that goes away is no fault.
                let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    })
}
