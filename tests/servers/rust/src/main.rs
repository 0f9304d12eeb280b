//! Logs through `tracing` into a file, as Bitacora does. Each line on stdin is a number of events to log, or `reopen`, which
//! is what a rotation by rename asks for; each is answered with a line when it is done and written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex};

use tracing::{error, info, info_span, warn};
use tracing_subscriber::fmt::writer::MakeWriter;

/// The file that is written now; every event is one write, in append mode.
#[derive(Clone)]
struct Reopened(Arc<Mutex<File>>);

impl Write for Reopened {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().flush()
    }
}

impl<'a> MakeWriter<'a> for Reopened {
    type Writer = Reopened;

    fn make_writer(&'a self) -> Reopened {
        self.clone()
    }
}

fn open(path: &str) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("the log can be opened")
}

fn log(number: u64) {
    let session = format!("session-{}", number / 100);
    let span = info_span!("work", session_id = %session, branch = "main");
    let _entered = span.enter();
    match number % 50 {
        0 => error!(number, error = "it broke\nat line 2", "event {number} failed"),
        25 => warn!(number, "event {number}: \u{1f4d3} \"quoted\""),
        _ => info!(number, topic = "topics", "event {number}"),
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("usage: bitacora-logs PATH");
    let file = Reopened(Arc::new(Mutex::new(open(&path))));
    tracing_subscriber::fmt().json().with_writer(file.clone()).init();

    let mut number = 0;
    for line in io::stdin().lock().lines() {
        let line = line.expect("stdin is text");
        if line == "reopen" {
            *file.0.lock().unwrap() = open(&path);
        } else {
            for _ in 0..line.parse().expect("a number of events") {
                number += 1;
                log(number);
            }
        }
        println!("{number}");
    }
}
