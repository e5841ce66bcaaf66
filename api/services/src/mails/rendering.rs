//! From template and parameters to subject, text and HTML, in the person's language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use manager_domain::languages::Language;
use minijinja::{AutoEscape, Environment};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Mail, Template};
use crate::errors::{Error, Result};

/// A mail as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
    pub links: Vec<String>,
    pub code: Option<String>,
}

/// One template's texts in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    subject: String,
    paragraphs: Vec<String>,
    button: Option<String>,
    code_label: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Layout {
    greeting: String,
    greeting_anonymous: String,
    closing: String,
    footer: String,
    link_hint: String,
    security_hint: String,
    /// What roles are called: `role_owner` and so on.
    #[serde(flatten)]
    roles: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Book {
    layout: Layout,
    #[serde(flatten)]
    templates: BTreeMap<String, Texts>,
}

fn book(language: Language) -> Result<&'static Book> {
    static BOOKS: LazyLock<Vec<std::result::Result<Book, String>>> = LazyLock::new(|| {
        let source = |language| match language {
            Language::En => include_str!("../../texts/mails/en.toml"),
            Language::Fr => include_str!("../../texts/mails/fr.toml"),
            Language::De => include_str!("../../texts/mails/de.toml"),
            Language::It => include_str!("../../texts/mails/it.toml"),
            Language::Es => include_str!("../../texts/mails/es.toml"),
        };
        Language::ALL.iter().map(|language| toml::from_str(source(*language)).map_err(|e| e.to_string())).collect()
    });
    let index = Language::ALL.iter().position(|known| *known == language).unwrap_or_default();
    BOOKS.get(index).ok_or_else(|| Error::defect("no such language"))?.as_ref().map_err(Error::defect)
}

/// Renders a mail for a product of this name.
///
/// # Errors
/// [`Error::Defect`] where a template lacks a text or a parameter.
pub fn render(mail: &Mail, product: &str) -> Result<Rendered> {
    let book = book(mail.language)?;
    let name = mail.template.as_str();
    let texts = book.templates.get(name).ok_or_else(|| Error::defect(format!("no texts for {name}")))?;
    let mut params = mail.params.clone();
    params.insert("product".to_owned(), product.into());
    let role =
        params.get("role").and_then(Value::as_str).and_then(|role| book.layout.roles.get(&format!("role_{role}")));
    if let Some(role) = role {
        params.insert("role".to_owned(), role.clone().into());
    }
    let fill = |text: &String| fill(text, &params);
    let greeting = if params.contains_key("name") { &book.layout.greeting } else { &book.layout.greeting_anonymous };
    let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_owned);
    let parts = Parts {
        greeting: fill(greeting)?,
        paragraphs: texts.paragraphs.iter().map(fill).collect::<Result<_>>()?,
        button: texts.button.as_ref().map(fill).transpose()?.zip(text("link")),
        code: texts.code_label.as_ref().map(fill).transpose()?.zip(text("code")),
        notes: texts.notes.iter().map(fill).collect::<Result<_>>()?,
        closing: fill(&book.layout.closing)?,
        footer: fill(&book.layout.footer)?,
        link_hint: fill(&book.layout.link_hint)?,
        security_hint: is_about_security(mail.template).then(|| fill(&book.layout.security_hint)).transpose()?,
    };
    Ok(Rendered {
        subject: one_line(&fill(&texts.subject)?),
        text: parts.text(),
        html: parts.html(mail.language, product),
        links: parts.button.iter().map(|(_, link)| link.clone()).collect(),
        code: parts.code.map(|(_, code)| code),
    })
}

/// Headers hold no line breaks, whatever a name contains.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn fill(text: &str, params: &Map<String, Value>) -> Result<String> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment
    });
    ENVIRONMENT
        .render_str(text, minijinja::value::Serde(params))
        .map_err(|error| Error::defect(format!("mail text {text:?}: {error}")))
}

const fn is_about_security(template: Template) -> bool {
    matches!(
        template,
        Template::PasswordChanged
            | Template::LoginIdChangeRequested
            | Template::LoginIdChanged
            | Template::LoginIdChangeUndone
            | Template::RecoveryEmailRequested
            | Template::RecoveryEmailChanged
            | Template::RecoveryEmailRemoved
            | Template::SessionEndedForSafety
    )
}

struct Parts {
    greeting: String,
    paragraphs: Vec<String>,
    button: Option<(String, String)>,
    code: Option<(String, String)>,
    notes: Vec<String>,
    closing: String,
    footer: String,
    link_hint: String,
    security_hint: Option<String>,
}

impl Parts {
    fn text(&self) -> String {
        let mut blocks = vec![self.greeting.clone()];
        blocks.extend(self.paragraphs.iter().cloned());
        blocks.extend(self.button.iter().map(|(label, link)| format!("{label}:\n{link}")));
        blocks.extend(self.code.iter().map(|(label, code)| format!("{label} {code}")));
        blocks.extend(self.notes.iter().cloned());
        blocks.extend(self.security_hint.iter().cloned());
        blocks.push(self.closing.clone());
        blocks.push(format!("-- \n{}", self.footer));
        blocks.join("\n\n")
    }

    fn html(&self, language: Language, product: &str) -> String {
        let paragraph = |text: &str| format!("<p style=\"margin:0 0 16px\">{}</p>", escape(text));
        let small = |text: &str| format!("<p style=\"margin:0 0 12px;font-size:13px;color:#555\">{}</p>", escape(text));
        let mut body = paragraph(&self.greeting);
        body.extend(self.paragraphs.iter().map(|text| paragraph(text)));
        if let Some((label, link)) = &self.button {
            let link = escape(link);
            body.push_str(&format!(
                "<p style=\"margin:0 0 16px\"><a href=\"{link}\" style=\"display:inline-block;padding:12px 24px;\
                 background:#1a56db;color:#fff;border-radius:6px;text-decoration:none\">{}</a></p>",
                escape(label)
            ));
            body.push_str(&small(&self.link_hint));
            body.push_str(&format!("<p style=\"margin:0 0 16px;font-size:13px;word-break:break-all\">{link}</p>"));
        }
        if let Some((label, code)) = &self.code {
            body.push_str(&format!(
                "<p style=\"margin:0 0 16px\">{} <strong style=\"font-size:20px;letter-spacing:3px\">{}</strong></p>",
                escape(label),
                escape(code)
            ));
        }
        body.extend(self.notes.iter().chain(&self.security_hint).map(|text| small(text)));
        body.push_str(&paragraph(&self.closing));
        format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\
             <body style=\"margin:0;padding:24px;background:#f4f5f7;font-family:sans-serif;font-size:15px;color:#111\">\
             <div style=\"max-width:560px;margin:0 auto;padding:32px;background:#fff;border-radius:8px\">{body}</div>\
             <p style=\"max-width:560px;margin:16px auto;font-size:12px;color:#777\">{}</p></body></html>",
            language.as_str(),
            escape(product),
            escape(&self.footer)
        )
    }
}

/// Text as HTML, between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every parameter any template uses.
    fn full(template: Template, language: Language) -> Mail {
        let names = [
            "name",
            "hours",
            "code",
            "code_minutes",
            "link",
            "minutes",
            "at",
            "device",
            "new_login_id",
            "new_login_masked",
            "days",
            "login_id",
            "recovery_masked",
            "organization",
            "inviter",
            "role",
            "member",
            "email",
            "date",
            "old_member",
            "new_email",
            "organizations",
            "count",
            "document",
            "total",
        ];
        names.iter().fold(Mail::new("ada@example.com", language, template), |mail, name| {
            mail.with(name, format!("<{name}>\r\nBcc: x"))
        })
    }

    #[test]
    fn every_template_renders_in_every_language() {
        for language in Language::ALL {
            for template in Template::ALL {
                let rendered = render(&full(*template, *language), "Manager").unwrap();
                assert!(!rendered.subject.contains(['\r', '\n']), "{template:?} {language:?}");
                assert!(!rendered.html.contains("<name>"), "{template:?} {language:?} escapes");
                assert!(rendered.text.len() > 80, "{template:?} {language:?}");
            }
        }
    }
}
