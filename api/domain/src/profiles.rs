//! What a person may say of themselves (ACC-4, ACC-11).

use serde_json::{Map, Value};

use crate::ids::OrganizationId;
use crate::languages::Language;
use crate::refusals::{Fault, FaultCode};
use crate::time_zones;

/// Characters of each name.
pub const MAX_NAME: usize = 100;
/// Bytes of the UI settings as JSON.
pub const MAX_UI_SETTINGS: usize = 8 * 1024;

/// Changes of a profile; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ProfileChanges {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// `Some(None)`: back to "First Last".
    pub display_name: Option<Option<String>>,
    pub locale: Option<Language>,
    pub time_zone: Option<String>,
    pub default_organization: Option<Option<OrganizationId>>,
    /// A merge patch of the settings; `Some(None)` empties them.
    pub ui_settings: Option<Option<Map<String, Value>>>,
}

impl ProfileChanges {
    /// Takes the blanks around names away.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        let trim = |text: String| text.trim().to_owned();
        self.first_name = self.first_name.map(trim);
        self.last_name = self.last_name.map(trim);
        self.display_name = self.display_name.map(|name| name.map(trim));
        self
    }

    /// All that is wrong with the changes by themselves.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let display_name = self.display_name.as_ref().and_then(Option::as_ref);
        let names = [("/first_name", self.first_name.as_ref()), ("/last_name", self.last_name.as_ref())];
        for (pointer, name) in names.into_iter().chain([("/display_name", display_name)]) {
            faults.extend(name.and_then(|name| name_fault(pointer, name)));
        }
        if self.time_zone.as_deref().is_some_and(|zone| time_zones::parse(zone).is_none()) {
            faults.push(Fault::new("/time_zone", FaultCode::InvalidTimeZone));
        }
        faults
    }
}

/// What is wrong with one of a person's names.
pub fn name_fault(pointer: &str, name: &str) -> Option<Fault> {
    if name.trim().is_empty() {
        return Some(Fault::new(pointer, FaultCode::TooShort).with("min", 1));
    }
    (name.chars().count() > MAX_NAME).then(|| Fault::new(pointer, FaultCode::TooLong).with("max", MAX_NAME))
}

/// JSON Merge Patch (RFC 7396) on an object.
pub fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.shift_remove(name);
            }
            Value::Object(inner) => {
                let slot = target.entry(name.clone()).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(object) = slot {
                    merge(object, inner);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_sets_removes_and_descends() {
        let mut target = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]}).as_object().cloned().unwrap_or_default();
        let patch = json!({"a": null, "b": {"c": null, "x": {"y": null}}, "e": {"f": 1}});
        merge(&mut target, patch.as_object().unwrap_or(&Map::new()));
        assert_eq!(Value::Object(target), json!({"b": {"d": 3, "x": {}}, "e": {"f": 1}}));
    }

    #[test]
    fn blank_names_and_unknown_zones_are_faults() {
        let changes = ProfileChanges {
            first_name: Some("  ".to_owned()),
            display_name: Some(Some("x".repeat(101))),
            time_zone: Some("Europe/Atlantis".to_owned()),
            ..ProfileChanges::default()
        };
        let pointers: Vec<String> = changes.faults().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/first_name", "/display_name", "/time_zone"]);
    }
}
