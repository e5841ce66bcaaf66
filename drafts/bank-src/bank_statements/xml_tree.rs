//! The elements of a document that are of interest, as a bounded tree. There are no entities but the five of XML, no
//! document types, and what is deep or numerous is refused rather than kept.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::errors::{FaultKind, FileFault, Place, quoted};

/// Deeper than any message of ISO 20022.
const MAX_DEPTH: usize = 32;
/// Of the elements that are kept: some 15 000 transactions.
const MAX_ELEMENTS: usize = 400_000;

/// An element with a known name.
#[derive(Debug)]
pub(super) struct Element {
    pub name: &'static str,
    pub text: String,
    /// The attribute `Ccy`.
    pub currency: Option<Box<str>>,
    pub children: Vec<Element>,
    pub line: u32,
}

impl Element {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element down a path of names.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The text down a path, where there is some.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|element| element.text.as_str()).filter(|text| !text.is_empty())
    }
}

/// A document's root, and the namespace that it declares for itself.
#[derive(Debug)]
pub(super) struct Document {
    pub root: Element,
    pub namespace: String,
}

/// Reads a document, keeping the elements whose (local) names are `known`, under ones that are.
pub(super) fn read(bytes: &[u8], known: &'static [&'static str]) -> Result<Document, FileFault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        FileFault { kind: FaultKind::NotUtf8, place: Place { path: String::new(), line: lines(before) + 1 } }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut build = Build { known, ..Build::default() };
    let (mut line, mut counted) = (1, 0);
    loop {
        let event = reader.read_event();
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        let done = match event {
            Ok(Event::Eof) => true,
            Ok(event) => build.take(&event, line).map_err(|kind| build.fault(kind, line)).map(|()| false)?,
            Err(error) => return Err(build.fault(FaultKind::BrokenXml(quoted(&error.to_string())), line)),
        };
        if done {
            return build.finish(line);
        }
        line += lines(text.as_bytes().get(counted..end).unwrap_or_default());
        counted = end.max(counted);
    }
}

fn lines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Build {
    known: &'static [&'static str],
    /// The open elements that are kept.
    open: Vec<Element>,
    /// How many elements are open inside one that isn't kept, that one included.
    skipped: usize,
    elements: usize,
    namespace: String,
    root: Option<Element>,
}

impl Build {
    fn take(&mut self, event: &Event<'_>, line: u32) -> Result<(), FaultKind> {
        match event {
            Event::Start(start) => self.start(start, line),
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(reference) => self.text(&resolved(reference)?.to_string()),
            Event::DocType(_) => Err(FaultKind::DocumentType),
            Event::Decl(declaration) => match declaration.encoding() {
                Some(Ok(name)) if !name.eq_ignore_ascii_case("utf-8") => Err(FaultKind::NotUtf8),
                _ => Ok(()),
            },
            Event::Empty(_) | Event::Comment(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, line: u32) -> Result<(), FaultKind> {
        if self.open.len() + self.skipped >= MAX_DEPTH {
            return Err(FaultKind::TooDeep(MAX_DEPTH));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(FaultKind::BrokenXml("a second root".to_owned()));
        }
        let local = start.local_name();
        let name = self.known.iter().find(|known| **known == local.as_ref()).copied();
        let Some(name) = name.filter(|_| self.skipped == 0) else {
            self.skipped += 1;
            return Ok(());
        };
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(FaultKind::TooMany(MAX_ELEMENTS));
        }
        if self.open.is_empty() {
            self.namespace = declared_namespace(start)?;
        }
        let currency = attribute(start, "Ccy")?.map(String::into_boxed_str);
        self.open.push(Element { name, text: String::new(), currency, children: Vec::new(), line });
        Ok(())
    }

    fn end(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(mut element) = self.open.pop() else { return };
        element.text = element.text.trim().to_owned();
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), FaultKind> {
        // XML has none of them, and a database could not keep U+0000.
        if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{80}'..='\u{9f}')) {
            return Err(FaultKind::BrokenXml("a control character".to_owned()));
        }
        match self.open.last_mut() {
            Some(element) if self.skipped == 0 => {
                // Indentation between elements isn't kept.
                if !element.text.is_empty() || !text.trim().is_empty() {
                    element.text.push_str(text);
                }
                Ok(())
            }
            Some(_) => Ok(()),
            None if self.skipped > 0 || text.trim().is_empty() => Ok(()),
            None => Err(FaultKind::BrokenXml("text outside of the root".to_owned())),
        }
    }

    fn finish(mut self, line: u32) -> Result<Document, FileFault> {
        if self.skipped > 0 || !self.open.is_empty() {
            return Err(self.fault(FaultKind::BrokenXml("the end is missing".to_owned()), line));
        }
        match self.root.take() {
            Some(root) => Ok(Document { root, namespace: self.namespace }),
            None => Err(self.fault(FaultKind::UnknownMessage(String::new()), line)),
        }
    }

    fn fault(&self, kind: FaultKind, line: u32) -> FileFault {
        let path: Vec<_> = self.open.iter().map(|element| element.name).collect();
        FileFault { kind, place: Place { path: path.join("/"), line } }
    }
}

/// The character that a reference stands for.
fn resolved(reference: &BytesRef<'_>) -> Result<char, FaultKind> {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().ok().flatten();
        return character.ok_or_else(|| FaultKind::BrokenXml("a reference to no character".to_owned()));
    }
    match reference.xml10_content().as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(FaultKind::Entity),
    }
}

/// An attribute's value. Looking for repeated ones would take quadratic time.
fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, FaultKind> {
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| FaultKind::BrokenXml(quoted(&error.to_string())))?;
        if attribute.key.as_ref() == name {
            return Ok(Some(attribute.value.into_owned()));
        }
    }
    Ok(None)
}

/// The namespace that an element declares for its own name.
fn declared_namespace(start: &BytesStart<'_>) -> Result<String, FaultKind> {
    let name = start.name();
    let declaration = match name.prefix() {
        Some(prefix) => format!("xmlns:{}", prefix.as_ref()),
        None => "xmlns".to_owned(),
    };
    Ok(attribute(start, &declaration)?.unwrap_or_default())
}
