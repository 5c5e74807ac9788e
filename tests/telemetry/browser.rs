//! A headless Chromium, told what to do by chromedriver: W3C `WebDriver`, and the commands of the
//! `DevTools` protocol that chromedriver passes on.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// One window. Ends with the test, however that ends.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A kill alone would leave Chromium behind: its window is closed first.
        if let Err(error) = self.close() {
            eprintln!("Chromium may still run: {error}");
        }
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}

impl Browser {
    /// Opens a window; `None` where there is no Chromium to be had, unless this is CI.
    pub async fn open() -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let driver = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let driver = match driver {
            Ok(driver) => driver,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "chromedriver does not run: {error}");
                eprintln!(
                    "not tested: chromedriver does not run: {error}; `make deps` installs it"
                );
                return None;
            }
        };
        let mut browser = Self { driver, address, session: String::new() };
        browser.session = browser.begin().await;
        Some(browser)
    }

    async fn begin(&self) -> String {
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"];
        let options =
            json!({"goog:chromeOptions": {"args": arguments, "binary": "/usr/bin/chromium"}});
        let wanted = json!({"capabilities": {"alwaysMatch": options}});
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let answer = self.post("/session", &wanted).await;
            if let Some(session) = answer.as_ref().and_then(|answer| answer["sessionId"].as_str()) {
                return session.to_owned();
            }
            assert!(Instant::now() < deadline, "chromedriver opens no window: {answer:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends the session, and waits until the driver says that it has. Needs no runtime, so that it
    /// works while a test panics.
    fn close(&self) -> io::Result<()> {
        let mut stream = std::net::TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let (session, host) = (&self.session, self.address);
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        if status.contains(" 200 ") { Ok(()) } else { Err(io::Error::other(status)) }
    }

    /// What the driver answers, in `value`; `None` while it does not listen.
    async fn post(&self, path: &str, body: &Value) -> Option<Value> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = hyper::Request::post(path)
            .header("Host", self.address.to_string())
            .header("Content-Type", "application/json")
            .body(Full::<Bytes>::from(body.to_string()))
            .unwrap();
        let body = sender.send_request(request).await.ok()?.collect().await.ok()?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).ok()?;
        Some(answer["value"].take())
    }

    /// A command of the `DevTools` protocol.
    pub async fn tell(&self, command: &str, parameters: Value) -> Value {
        let path = format!("/session/{}/goog/cdp/execute", self.session);
        let body = json!({"cmd": command, "params": parameters});
        let answer = self.post(&path, &body).await.expect("chromedriver answers");
        assert!(answer["error"].is_null(), "{command}: {answer}");
        answer
    }

    /// Loads a page, and waits until it is there.
    pub async fn load(&self, address: &str) {
        let path = format!("/session/{}/url", self.session);
        let answer =
            self.post(&path, &json!({"url": address})).await.expect("chromedriver answers");
        assert!(answer["error"].is_null(), "{address}: {answer}");
    }

    /// What an expression comes to on the page: ours, not the page's, so it runs where scripts may
    /// not.
    pub async fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let mut answer = self.tell("Runtime.evaluate", parameters).await;
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].take()
    }

    /// A picture of the page's upper end, as PNG.
    pub async fn picture(&self, width: u32, height: u32) -> Vec<u8> {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let answer = self.tell("Page.captureScreenshot", parameters).await;
        STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }
}
