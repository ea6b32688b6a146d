//! The axum peer: `axum-peer PORT`. HTTP on PORT, a plain tokio TCP echo on PORT+1, both on tokio's
//! current-thread runtime, as the other peers run one thread.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::{json, Value};
use std::convert::Infallible;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn hello() -> &'static str {
    "Hello, World!"
}

async fn greet(Path(name): Path<String>) -> String {
    format!("Greetings, {name}!")
}

async fn message() -> Json<Value> {
    Json(json!({"message": "Hello, World!"}))
}

async fn echo(body: Bytes) -> Bytes {
    body
}

async fn upload(body: Body) -> String {
    let mut pieces = body.into_data_stream();
    let mut size = 0;
    // Up to an error, too: a load that ends leaves in the middle.
    while let Some(Ok(piece)) = pieces.next().await {
        size += piece.len();
    }
    size.to_string()
}

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

async fn download() -> impl IntoResponse {
    let pieces = stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&PIECE))).take(1600);
    ([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(pieces))
}

#[derive(Deserialize)]
struct Search {
    q: String,
    page: u64,
    limit: u64,
}

// Every field is read into place, as in the other languages, though one is all that is asked of it.
#[allow(dead_code)]
#[derive(Deserialize)]
struct NewUser {
    name: String,
    age: u64,
    email: String,
    active: bool,
    tags: Vec<String>,
}

async fn nothing() -> &'static str {
    "ok"
}

async fn show(Path(item): Path<u64>) -> String {
    item.to_string()
}

async fn search(Query(query): Query<Search>) -> String {
    format!("{} {} {}", query.q, query.page, query.limit)
}

async fn create(Json(user): Json<NewUser>) -> String {
    user.name
}

async fn echo_connection(mut stream: TcpStream) {
    let mut buffer = vec![0u8; 256 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                if stream.write_all(&buffer[..n]).await.is_err() {
                    break;
                }
            }
        }
    }
}

async fn serve_echo(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(echo_connection(stream));
    }
}

async fn serve(port: u16) {
    let echo_listener = TcpListener::bind(("127.0.0.1", port + 1)).await.unwrap();
    tokio::spawn(serve_echo(echo_listener));

    let app = Router::new()
        .route("/", get(hello))
        .route("/greet/{name}", get(greet))
        .route("/json", get(message))
        .route("/echo", post(echo))
        .route("/upload", post(upload))
        .route("/download", get(download))
        .route("/handler", get(nothing))
        .route("/items/{item}", get(show))
        .route("/search", get(search))
        .route("/users", post(create));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

fn main() {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .expect("usage: axum-peer PORT");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(serve(port));
}
