//! All files of a run's folder without what no run has twice: times, dates, and the folder's name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chainrule::train::tensors::{TensorFile, read};
use serde_json::Value;

/// JSON keys of times, and of what a file of times has for its length and checksum.
const TIMES: [&str; 6] = ["seconds", "samples_per_second", "finished", "split", "bytes", "checksum"];
/// The scalar of TensorBoard that is a speed.
const SPEED: &str = "examples per second";
const EVENTS: &str = "events.out.tfevents.";

/// The contents of each file below `folder`, by its name; the files of events are one, as TensorBoard reads them.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut events = Vec::new();
    for part in ["", "checkpoints"] {
        for path in fs::read_dir(folder.join(part)).unwrap().map(|file| file.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.starts_with(EVENTS) {
                events.push(path);
            } else if path.is_file() {
                files.insert(format!("{part}/{name}"), text(folder, &path));
            } else {
                assert_eq!(name, "checkpoints");
            }
        }
    }
    events.sort();
    let events: Vec<Vec<u8>> = events.iter().map(|path| fs::read(path).unwrap()).collect();
    files.insert("events".to_owned(), format!("{:#?}", scalars(&events)));
    files
}

fn text(folder: &Path, path: &Path) -> String {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension == "safetensors" {
        return if path.parent() == Some(folder) {
            format!("{:?}", fs::read(path).unwrap())
        } else {
            snapshot(path)
        };
    }
    let run = folder.file_name().unwrap().to_str().unwrap();
    let mut text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Its name, its page's title, and paths of its files.
    for (before, after) in [("\"", "\""), ("", " ·"), ("", "/")] {
        text = text.replace(&format!("{before}{run}{after}"), &format!("{before}RUN{after}"));
    }
    match extension {
        "jsonl" => text.lines().map(timeless).collect::<Vec<_>>().join("\n"),
        "json" => timeless(&text),
        "html" => page(&text),
        _ => text,
    }
}

fn timeless(json: &str) -> String {
    let mut value = serde_json::from_str(json).expect("it is JSON");
    without_times(&mut value);
    value.to_string()
}

/// Takes out the numbers under the keys of times.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            // Only a run that was resumed has it.
            entries.remove("resumed");
            for (key, value) in entries {
                if TIMES.contains(&key.as_str()) {
                    *value = Value::Null;
                } else {
                    without_times(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// The state and the arrays of a snapshot.
fn snapshot(path: &Path) -> String {
    let bytes = read(path).unwrap();
    let file = TensorFile::parse(path, &bytes).unwrap();
    let arrays: Vec<_> =
        file.names().into_iter().map(|name| (name, file.shape(name), file.bytes(name))).collect();
    format!("{}\n{arrays:?}", timeless(file.metadata("chainrule-run").expect("it is a snapshot")))
}

/// A report without its date, and without numbers of seconds, their shares, and the widths of the bars that show them.
fn page(html: &str) -> String {
    const UNITS: [&str; 5] = ["µs", "ms", "s", "min", "h"];
    let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit() || c == '.', "");
    let timed = |text: &str| {
        let words = text.split(' ').map(|word| word.trim_end_matches(','));
        let named = words.clone().filter(|word| !UNITS.contains(word));
        digits(&named.collect::<Vec<_>>().join(" "))
    };
    // A number before its unit.
    let says_time = |text: &str| {
        let words: Vec<&str> = text.split(' ').map(|word| word.trim_end_matches(',')).collect();
        words.windows(2).any(|pair| pair[0].parse::<f64>().is_ok() && UNITS.contains(&pair[1]))
    };
    let part = |part: &str| {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        let is_time = says_time(text) || text.ends_with(" UTC");
        let is_bar = ["data", "forward", "backward", "update"]
            .iter()
            .any(|class| tag.starts_with(&format!("span class=\"{class}\" style=\"width:")));
        format!(
            "<{}>{}\n",
            if is_bar { digits(tag) } else { tag.to_owned() },
            if is_time { timed(text) } else { text.to_owned() }
        )
    };
    let resumed = "<p class=\"note\">The run was resumed after ";
    let html = timeless_steps(html);
    let html = html.split_once(resumed).map_or(html.clone(), |(before, after)| {
        format!("{before}{}", after.split_once("</p>").expect("the note ends").1)
    });
    html.split('<').map(part).collect()
}

/// A report without the times of steps, which are those of the process that ended the run: if it was resumed after the last step, none.
fn timeless_steps(html: &str) -> String {
    let ends = [
        "The process that ended the run took no step.",
        "Steps of the process that ended the run, without validation.",
    ];
    let (at, end) =
        ends.iter().find_map(|end| Some((html.find(end)?, end))).expect("it has a section of times");
    let bar = html.find("<div class=\"bar\" role=\"img\" aria-label=\"shares of the time\">");
    let start = bar.or_else(|| html[..at].rfind('<')).unwrap();
    format!("{}<p class=\"note\">{}", &html[..start], &html[at + end.len()..])
}

/// Step and tag of each scalar in files of events, with its bits: from where a file restarts, those of earlier ones do not count.
fn scalars(files: &[Vec<u8>]) -> BTreeMap<(u64, String), Option<u32>> {
    let mut scalars = BTreeMap::new();
    for file in files {
        let mut rest = &file[..];
        // A killed process may leave the last record torn.
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let Some(event) = after.get(4..4 + u64::from_le_bytes(*length) as usize) else { break };
            rest = after.get(4 + event.len() + 4..).unwrap_or_default();
            let fields = fields(event);
            let step = fields.iter().find(|(number, ..)| *number == 2).map_or(0, |field| field.1);
            for (number, _, body) in fields {
                match number {
                    5 => {
                        let (tag, value) = scalar(body);
                        let value = (tag != SPEED).then_some(value);
                        let old = scalars.insert((step, tag.clone()), value);
                        assert_eq!(old, None, "step {step} has {tag:?} twice");
                    }
                    7 => scalars.retain(|(old, _), _| *old < step),
                    _ => {}
                }
            }
        }
    }
    scalars
}

/// The tag and the bits of the one value of a summary.
fn scalar(summary: &[u8]) -> (String, u32) {
    let value = fields(summary)[0].2;
    let (mut tag, mut bits) = (String::new(), 0);
    for (number, int, body) in fields(value) {
        match number {
            1 => tag = String::from_utf8(body.to_vec()).unwrap(),
            2 => bits = int as u32,
            _ => {}
        }
    }
    (tag, bits)
}

/// The fields of a message of protocol buffers: number, value of a number, bytes of a text or message.
fn fields(mut message: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let (value, body) = match key & 7 {
            0 => (varint(&mut message), &[][..]),
            2 => {
                let length = varint(&mut message) as usize;
                (0, message.split_off(..length).unwrap())
            }
            kind => {
                let bytes = message.split_off(..if kind == 1 { 8 } else { 4 }).unwrap();
                let value = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
                (value, &[][..])
            }
        };
        fields.push((key >> 3, value, body));
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = *bytes.split_off_first().expect("a number ends");
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}
