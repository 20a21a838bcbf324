//! A headless Chromium, driven over the DevTools protocol through a pair of pipes: no port, no web socket, no crate.
//!
//! # References
//! <https://chromedevtools.github.io/devtools-protocol/>; `--remote-debugging-pipe` reads JSON messages, each ended by a
//! zero byte, from file descriptor 3 and writes them to 4.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// The program, where it is not the `chromium` on the PATH.
const PROGRAM: &str = "CHAINRULE_CHROMIUM";

const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
];

/// Longer than any answer takes on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
    pub(crate) reduced_motion: bool,
    /// Whether the page may run its scripts; expressions of the test run in any case.
    pub(crate) scripts: bool,
}

/// A browser with an empty profile of its own, which ends with this value.
pub(crate) struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    sent: u64,
    _profile: tempfile::TempDir,
}

/// An open page, and what went wrong on it so far.
pub(crate) struct Page<'a> {
    browser: &'a mut Browser,
    session: String,
    errors: Vec<String>,
}

impl Browser {
    pub(crate) fn launch() -> Self {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let program = std::env::var(PROGRAM).unwrap_or_else(|_| "chromium".to_owned());
        // The shell puts the pipes where the browser looks for them, and becomes the browser.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#, &program])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let message = message.expect("the pipe is read");
                let message = serde_json::from_slice(&message).expect("the browser writes JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self { child, input, messages, sent: 0, _profile: profile }
    }

    /// Opens a file in a window of this kind, and waits until it has loaded.
    pub(crate) fn open(&mut self, file: &Path, view: View) -> Page<'_> {
        let mut errors = Vec::new();
        let mut call = |session: Option<&str>, method: &str, parameters: Value| {
            self.call(session, method, &parameters, &mut errors)
        };
        let target = call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            call(None, "Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let on_page = Some(session.as_str());
        for domain in ["Page", "Runtime", "Log"] {
            call(on_page, &format!("{domain}.enable"), json!({}));
        }
        call(
            on_page,
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": false }),
        );
        let scheme = if view.dark { "dark" } else { "light" };
        let motion = if view.reduced_motion { "reduce" } else { "no-preference" };
        call(
            on_page,
            "Emulation.setEmulatedMedia",
            json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": motion },
            ] }),
        );
        call(on_page, "Emulation.setScriptExecutionDisabled", json!({ "value": !view.scripts }));
        let file = file.canonicalize().expect("the page is there");
        call(on_page, "Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        let mut page = Page { browser: self, session, errors };
        page.wait_for("document.readyState === 'complete'");
        page
    }

    /// Sends a command and waits for its answer; collects what pages complain about meanwhile.
    fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
        errors: &mut Vec<String>,
    ) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).expect("the browser listens: is Chromium installed?");
        loop {
            let mut answer = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                panic!("no answer to {method} ({error}): is Chromium installed? See {PROGRAM}")
            });
            if answer["id"] == json!(self.sent) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            errors.extend(complaint(&answer));
        }
    }
}

/// What an event says of a fault on the page, if it does.
fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(parameters["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled"
            if ["error", "warning", "assert"].iter().any(|kind| parameters["type"] == **kind) =>
        {
            Some(parameters["args"].to_string())
        }
        "Log.entryAdded"
            if ["error", "warning"].iter().any(|level| parameters["entry"]["level"] == **level) =>
        {
            Some(parameters["entry"].to_string())
        }
        _ => None,
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The whole browser ends with its main process, which may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Page<'_> {
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.browser.call(Some(&self.session), method, parameters, &mut self.errors)
    }

    /// The value of an expression on the page, as JSON has it.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    #[track_caller]
    pub(crate) fn text(&mut self, expression: &str) -> String {
        match self.evaluate(expression) {
            Value::String(text) => text,
            other => panic!("{expression} is {other}, and no text"),
        }
    }

    /// Waits until a condition on the page holds.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, condition: &str) {
        for _ in 0..PATIENCE.as_millis() / 20 {
            if self.evaluate(condition) == true {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("never: {condition}");
    }

    /// Presses a key by its name in the DOM: `ArrowRight`, `Tab`, `Enter`, ` `.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            " " => ("Space", 32, " "),
            "PageUp" => ("PageUp", 33, ""),
            "PageDown" => ("PageDown", 34, ""),
            "End" => ("End", 35, ""),
            "Home" => ("Home", 36, ""),
            "ArrowLeft" => ("ArrowLeft", 37, ""),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "ArrowRight" => ("ArrowRight", 39, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            other => panic!("no key {other:?} is known here"),
        };
        let event = |kind: &str, text: &str| json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text });
        self.call(
            "Input.dispatchKeyEvent",
            &event(if text.is_empty() { "rawKeyDown" } else { "keyDown" }, text),
        );
        self.call("Input.dispatchKeyEvent", &event("keyUp", ""));
    }

    /// Moves the mouse to a point of the window.
    pub(crate) fn hover(&mut self, x: f64, y: f64) {
        self.call("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    /// Saves what the window shows, down to the end of the page, as PNG.
    pub(crate) fn screenshot(&mut self, file: &Path) {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].take();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.call("Page.captureScreenshot", &parameters);
        let bytes = from_base64(answer["data"].as_str().expect("a picture"));
        std::fs::write(file, bytes).expect("the picture is written");
    }

    /// All that went wrong on the page: exceptions, errors and warnings of the console and of the browser.
    pub(crate) fn errors(&mut self) -> &[String] {
        // An answer comes after all events before it.
        self.evaluate("0");
        &self.errors
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.call("Page.close", &json!({}));
        }
    }
}

/// RFC 4648, without a fault tolerance: the browser writes it.
fn from_base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for four in text.chunks(4) {
        let bits =
            four.iter().fold(0_u32, |bits, &c| bits << 6 | u32::from(value(c))) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[test]
fn base64_is_read() {
    assert_eq!(from_base64("TQ=="), b"M");
    assert_eq!(from_base64("TWE="), b"Ma");
    assert_eq!(from_base64("TWFu+/8="), b"Man\xfb\xff");
}
