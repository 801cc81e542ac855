//! Schemas and configurations as the JSON of registries, both ways.

use std::str::FromStr;

use kafi_core::{Error, ErrorKind, Json, JsonKind, Result};

use crate::format::Format;
use crate::registry::{Reference, RegisteredSchema, RegistryConfig, SchemaDefinition};
use crate::wire::Guid;

const OPERATION: &str = "read schema of registry";

/// The names of the members of a configuration that have fields of their own. The level has one name where it is read,
/// and another one where it is set.
const LEVEL_READ: &str = "compatibilityLevel";
const LEVEL_SET: &str = "compatibility";
const NORMALIZE: &str = "normalize";
const GROUP: &str = "compatibilityGroup";
const ALIAS: &str = "alias";

impl SchemaDefinition {
    /// Its members in JSON, as registries take and give them: `schemaType` (left out for Avro), `references`,
    /// `metadata`, and `ruleSet` (left out where there are none), `schema`.
    pub fn to_json(&self) -> Json {
        Json::object(self.members())
    }

    /// Reads the members that [`to_json`](Self::to_json) writes, and takes no notice of others.
    ///
    /// # Errors
    /// `Corrupt` if they are missing or others than they should be; `Unsupported` for a format that Kafi does not know.
    pub fn from_json(json: &Json) -> Result<Self> {
        let format = match json.get("schemaType").filter(|type_| !type_.is_null()) {
            None => Format::Avro,
            Some(type_) => format_of(text(type_)?)?,
        };
        let references =
            json.get("references").into_iter().flat_map(Json::iter).map(reference).collect::<Result<_>>()?;
        Ok(Self {
            format,
            text: text(member(json, "schema")?)?.to_string(),
            references,
            metadata: object(json, "metadata"),
            rule_set: object(json, "ruleSet"),
        })
    }

    fn members(&self) -> Vec<(&'static str, Json)> {
        let mut members = Vec::new();
        if self.format != Format::Avro {
            members.push(("schemaType", self.format.registry_name().into()));
        }
        if !self.references.is_empty() {
            let references = self.references.iter().map(|reference| {
                Json::object([
                    ("name", Json::from(&reference.name)),
                    ("subject", Json::from(&reference.subject)),
                    ("version", Json::from(reference.version)),
                ])
            });
            members.push(("references", Json::array(references)));
        }
        members.extend(self.metadata.iter().map(|metadata| ("metadata", metadata.clone())));
        members.extend(self.rule_set.iter().map(|rules| ("ruleSet", rules.clone())));
        members.push(("schema", Json::from(&self.text)));
        members
    }
}

impl RegisteredSchema {
    /// Its members in JSON, as registries give them: `subject`, `version`, `id`, `guid` (left out where there is none),
    /// and those of the [schema](SchemaDefinition::to_json).
    pub fn to_json(&self) -> Json {
        let mut members =
            vec![("subject", Json::from(&self.subject)), ("version", self.version.into()), ("id", self.id.into())];
        members.extend(self.guid.map(|guid| ("guid", Json::from(guid.to_string()))));
        members.extend(self.schema.members());
        Json::object(members)
    }

    /// Reads the members that [`to_json`](Self::to_json) writes.
    ///
    /// # Errors
    /// As for [`SchemaDefinition::from_json`].
    pub fn from_json(json: &Json) -> Result<Self> {
        Ok(Self {
            subject: text(member(json, "subject")?)?.to_string(),
            version: number(member(json, "version")?)?,
            id: number(member(json, "id")?)?,
            guid: guid(json)?,
            schema: SchemaDefinition::from_json(json)?,
        })
    }
}

impl RegistryConfig {
    /// Its members in JSON, as registries give them; what is not set is left out.
    pub fn to_json(&self) -> Json {
        self.json(LEVEL_READ)
    }

    /// The same as registries take them to set them, where the level has another name.
    pub fn to_request(&self) -> Json {
        self.json(LEVEL_SET)
    }

    /// Reads what either of both writes.
    ///
    /// # Errors
    /// `Usage` for a level that is none, `Corrupt` for a member of another type.
    pub fn from_json(json: &Json) -> Result<Self> {
        let mut config = Self::default();
        for (name, value) in json.members().filter(|(_, value)| !value.is_null()) {
            match name {
                LEVEL_READ | LEVEL_SET => config.compatibility = Some(text(value)?.parse()?),
                NORMALIZE => config.normalize = Some(value.bool().map_err(malformed)?),
                GROUP => config.compatibility_group = Some(text(value)?.to_string()),
                ALIAS => config.alias = Some(text(value)?.to_string()),
                _ => config.others.push((name.to_string(), value.clone())),
            }
        }
        Ok(config)
    }

    fn json(&self, level: &'static str) -> Json {
        let mut members: Vec<(&str, Json)> = Vec::new();
        members.extend(self.compatibility.map(|of| (level, Json::from(of.as_str()))));
        members.extend(self.normalize.map(|normalize| (NORMALIZE, Json::from(normalize))));
        members.extend(self.compatibility_group.iter().map(|group| (GROUP, Json::from(group))));
        members.extend(self.alias.iter().map(|alias| (ALIAS, Json::from(alias))));
        members.extend(self.others.iter().map(|(name, value)| (name.as_str(), value.clone())));
        Json::object(members)
    }
}

/// The GUID among the members of a schema, if it is there.
pub(super) fn guid(json: &Json) -> Result<Option<Guid>> {
    match json.get("guid").filter(|guid| !guid.is_null()) {
        Some(guid) => Ok(Some(Guid::from_str(text(guid)?)?)),
        None => Ok(None),
    }
}

/// A member that must be there.
pub(super) fn member<'a>(json: &'a Json, name: &str) -> Result<&'a Json> {
    json.get(name)
        .filter(|value| !value.is_null())
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, OPERATION, format!("the member {name} is missing")))
}

/// The characters of a string.
pub(super) fn text(json: &Json) -> Result<&str> {
    json.str().map_err(malformed)
}

/// An id or a version.
pub(super) fn number(json: &Json) -> Result<u32> {
    let number = json.int().map_err(malformed)?;
    u32::try_from(number)
        .map_err(|_| Error::new(ErrorKind::Corrupt, OPERATION, format!("{number} is neither an id nor a version")))
}

fn reference(json: &Json) -> Result<Reference> {
    Ok(Reference {
        name: text(member(json, "name")?)?.to_string(),
        subject: text(member(json, "subject")?)?.to_string(),
        version: number(member(json, "version")?)?,
    })
}

fn format_of(name: &str) -> Result<Format> {
    name.parse().map_err(|_| {
        Error::new(ErrorKind::Unsupported, OPERATION, "Kafi does not know this type of schema").with("type", name)
    })
}

/// A member that is an object; registries write null for none.
fn object(json: &Json, name: &str) -> Option<Json> {
    json.get(name).filter(|value| value.kind() == JsonKind::Object).cloned()
}

fn malformed(error: Error) -> Error {
    Error::new(ErrorKind::Corrupt, OPERATION, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::CompatibilityLevel;

    #[test]
    fn schemas_are_written_as_they_are_read() {
        let texts = [
            r#"{"subject":"a-value","version":2,"id":7,"schema":"\"string\""}"#,
            r#"{"subject":"a-value","version":2,"id":7,"guid":"1a2b3c4d-0000-4000-8000-00000000002a","schemaType":"PROTOBUF","references":[{"name":"b.proto","subject":"b","version":1}],"metadata":{"properties":{"a":"b"}},"ruleSet":{"domainRules":[]},"schema":"syntax = \"proto3\";"}"#,
        ];
        for text in texts {
            let json = Json::parse(text).unwrap();
            let schema = RegisteredSchema::from_json(&json).unwrap();
            assert_eq!(schema.to_json().to_string(), text);
        }
    }

    #[test]
    fn what_registries_write_for_nothing_is_nothing() {
        let text = r#"{"subject":"a","version":1,"id":1,"guid":null,"schemaType":"AVRO","references":[],"metadata":null,"ruleSet":null,"schema":"\"int\"","ts":1,"deleted":false}"#;
        let schema = RegisteredSchema::from_json(&Json::parse(text).unwrap()).unwrap();
        assert_eq!(schema.schema, SchemaDefinition::new(Format::Avro, "\"int\""));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, kind, why) in [
            (r#"{"version":1}"#, ErrorKind::Corrupt, "subject is missing"),
            (r#"{"subject":"a","version":-1}"#, ErrorKind::Corrupt, "-1 is neither"),
            (r#"{"subject":1}"#, ErrorKind::Corrupt, "path"),
            (r#"{"subject":"a","version":1,"id":1}"#, ErrorKind::Corrupt, "schema is missing"),
            (
                r#"{"subject":"a","version":1,"id":1,"schemaType":"XML","schema":""}"#,
                ErrorKind::Unsupported,
                "type XML",
            ),
        ] {
            let error = RegisteredSchema::from_json(&Json::parse(text).unwrap()).unwrap_err();
            assert!(error.kind() == kind && error.to_string().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn configurations_are_written_as_they_are_read() {
        let text = r#"{"compatibilityLevel":"FULL","normalize":true,"compatibilityGroup":"major","alias":"b","defaultMetadata":{"tags":{}}}"#;
        let config = RegistryConfig::from_json(&Json::parse(text).unwrap()).unwrap();
        assert_eq!((config.compatibility, config.normalize), (Some(CompatibilityLevel::Full), Some(true)));
        assert_eq!(config.to_json().to_string(), text);
        let request = config.to_request();
        assert_eq!(request["compatibility"], "FULL");
        assert_eq!(RegistryConfig::from_json(&request).unwrap(), config);
        let error = RegistryConfig::from_json(&Json::parse(r#"{"compatibility":"BAD"}"#).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
