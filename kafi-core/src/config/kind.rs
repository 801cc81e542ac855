//! The kinds of storage: their sections, folders, and keys.

use std::fmt;

/// A kind of storage. Each has one section in a configuration file that only makes sense for itself, and one folder
/// below `configs/`.
#[doc(alias = "cluster_kind")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StorageKind {
    /// Real Kafka, over its own protocol: section `kafka`, folder `clusters`.
    Kafka,
    /// Real Kafka behind Confluent's REST Proxy: section `rest_proxy`, folder `restproxies`.
    RestProxy,
    /// Emulated Kafka on a local folder: section `local`, folder `locals`.
    Local,
    /// Emulated Kafka on S3: section `s3`, folder `s3s`.
    S3,
    /// Emulated Kafka on Azure Blob Storage: section `azure_blob`, folder `azureblobs` (also `azblobs`).
    AzureBlob,
    /// A storage of a plugin, with the section and the folder that it announces.
    Plugin(&'static StorageInfo),
}

/// What a plugin announces about a storage of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize))]
pub struct StorageInfo {
    /// What stands before `://` in its addresses: small letters, digits, `-`.
    pub scheme: &'static str,
    /// Its section in a configuration file, if it can be configured by one.
    pub section: Option<&'static str>,
    /// The folder below `configs/` for such files; without it that of the section's name.
    pub folder: Option<&'static str>,
    /// The keys of its section, which are also the properties of its addresses.
    pub keys: &'static [ConfigKey],
    /// Whether it takes keys beyond these.
    pub takes_any_key: bool,
}

impl StorageInfo {
    /// What a plugin announces that opens a kind of Kafi's own.
    pub const fn of(kind: StorageKind) -> Self {
        Self {
            scheme: kind.scheme(),
            section: Some(kind.section()),
            folder: Some(kind.folder()),
            keys: kind.keys(),
            takes_any_key: kind.takes_any_key(),
        }
    }
}

/// What stands behind the `://` of an address, in front of the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPlace {
    /// A path to a folder; there is no `//`.
    Folder,
    /// One or more hosts with their ports, which this key of the section holds.
    Hosts(&'static str),
    /// The name of a bucket or container, which this key holds; and then perhaps a prefix in it, which is the key
    /// `root.dir`.
    Bucket(&'static str),
    /// Whatever a plugin makes of it.
    Any,
}

/// What there is to know about a key of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize))]
pub struct ConfigKey {
    /// The name, as it stands in the file.
    pub name: &'static str,
    /// What holds where the file does not say; `None` if nothing does.
    pub default: Option<&'static str>,
    /// What it means, with its unit and what is allowed.
    pub meaning: &'static str,
}

impl StorageKind {
    /// All kinds of Kafi's own, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Kafka, Self::RestProxy, Self::Local, Self::S3, Self::AzureBlob];

    /// The name of its section in a configuration file.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::RestProxy => "rest_proxy",
            Self::Local => "local",
            Self::S3 => "s3",
            Self::AzureBlob => "azure_blob",
            Self::Plugin(StorageInfo { section: Some(name), .. } | StorageInfo { scheme: name, .. }) => name,
        }
    }

    /// What stands before `://` in its addresses.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::RestProxy => "rest",
            Self::Local => "file",
            Self::S3 => "s3",
            Self::AzureBlob => "azure",
            Self::Plugin(storage) => storage.scheme,
        }
    }

    /// What stands behind it.
    pub const fn place(self) -> AddressPlace {
        match self {
            Self::Kafka => AddressPlace::Hosts("bootstrap.servers"),
            Self::RestProxy => AddressPlace::Hosts("rest.proxy.url"),
            Self::Local => AddressPlace::Folder,
            Self::S3 => AddressPlace::Bucket("bucket.name"),
            Self::AzureBlob => AddressPlace::Bucket("container.name"),
            Self::Plugin(_) => AddressPlace::Any,
        }
    }

    /// The keys of its section that the place of an address stands for, with their values.
    pub fn place_keys(self, authority: &str, path: &str) -> Vec<(String, String)> {
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        match self.place() {
            AddressPlace::Hosts(key) => vec![pair(key, authority)],
            AddressPlace::Bucket(key) => vec![pair(key, authority), pair("root.dir", path)],
            AddressPlace::Folder => vec![pair("root.dir", path)],
            AddressPlace::Any => Vec::new(),
        }
    }

    /// The name of its folder below `configs/`.
    pub const fn folder(self) -> &'static str {
        self.folders()[0]
    }

    /// All names under which its folder is found; the first is the one to use.
    pub const fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Kafka => &["clusters"],
            Self::RestProxy => &["restproxies"],
            Self::Local => &["locals"],
            Self::S3 => &["s3s"],
            Self::AzureBlob => &["azureblobs", "azblobs"],
            Self::Plugin(
                StorageInfo { folder: Some(folder), .. }
                | StorageInfo { section: Some(folder), .. }
                | StorageInfo { scheme: folder, .. },
            ) => std::slice::from_ref(folder),
        }
    }

    /// The kind of Kafi's own with this scheme.
    pub fn from_scheme(scheme: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.scheme() == scheme)
    }

    /// The kind of Kafi's own with this section.
    pub fn from_section(section: &str) -> Option<Self> {
        Self::with_section(section, &Self::ALL)
    }

    /// The kind of Kafi's own with this folder.
    pub fn from_folder(folder: &str) -> Option<Self> {
        Self::with_folder(folder, &Self::ALL)
    }

    /// The one among `kinds` with this section.
    pub(super) fn with_section(section: &str, kinds: &[Self]) -> Option<Self> {
        kinds.iter().copied().find(|kind| kind.section() == section)
    }

    /// The one among `kinds` with this folder.
    pub(super) fn with_folder(folder: &str, kinds: &[Self]) -> Option<Self> {
        kinds.iter().copied().find(|kind| kind.folders().contains(&folder))
    }

    /// Whether its section takes keys beyond [`keys`](Self::keys): that of Kafka does, they go to librdkafka as they
    /// are.
    pub const fn takes_any_key(self) -> bool {
        match self {
            Self::Plugin(storage) => storage.takes_any_key,
            kind => matches!(kind, Self::Kafka),
        }
    }

    /// The keys of its section.
    pub const fn keys(self) -> &'static [ConfigKey] {
        match self {
            Self::Kafka => KAFKA,
            Self::RestProxy => REST_PROXY,
            Self::Local => LOCAL,
            Self::S3 => S3,
            Self::AzureBlob => AZURE_BLOB,
            Self::Plugin(storage) => storage.keys,
        }
    }
}

impl fmt::Display for StorageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section())
    }
}

/// The keys of the section `schema_registry`, which every kind of storage may have.
pub const SCHEMA_REGISTRY_KEYS: &[ConfigKey] = &[
    key("schema.registry.url", None, "the addresses of the Schema Registry, separated by commas"),
    key(
        "basic.auth.credentials.source",
        None,
        "where user and password come from: USER_INFO (basic.auth.user.info), URL (the address), or SASL_INHERIT (those of the brokers)",
    ),
    key("basic.auth.user.info", None, "user and password as user:password; a secret"),
    key(
        "bearer.auth.credentials.source",
        None,
        "where a token comes from: STATIC_TOKEN (bearer.auth.token) or OAUTHBEARER (an issuer, for client credentials)",
    ),
    key("bearer.auth.token", None, "the token; a secret"),
    key("bearer.auth.issuer.endpoint.url", None, "the address that issues tokens"),
    key("bearer.auth.client.id", None, "who asks the issuer"),
    key("bearer.auth.client.secret", None, "the secret of who asks; a secret"),
    key("bearer.auth.scope", None, "the scope that is asked for"),
    key("bearer.auth.logical.cluster", None, "Confluent Cloud: the id of the registry's cluster"),
    key("bearer.auth.identity.pool.id", None, "Confluent Cloud: the id of the identity pool"),
    key("ssl.ca.location", None, "a file of the certificates to trust, in PEM; without it what the system trusts"),
    key("ssl.certificate.location", None, "a file of the client's certificate, in PEM, with its key or without"),
    key("ssl.key.location", None, "a file of the key of the client's certificate, in PEM, without a password"),
    key("request.timeout.ms", Some("10000"), "milliseconds after which a request is tried again, or elsewhere"),
    key("cache.capacity", Some("1000"), "how many schemas, lookups, and registrations are kept, each"),
];

const KAFKA: &[ConfigKey] = &[
    key("bootstrap.servers", None, "brokers to begin with, as host:port, separated by commas"),
    key("security.protocol", Some("plaintext"), "plaintext, ssl, sasl_plaintext, or sasl_ssl"),
    key("sasl.mechanisms", Some("GSSAPI"), "GSSAPI, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or OAUTHBEARER"),
    key("sasl.username", None, "the user"),
    key("sasl.password", None, "the password; a secret"),
    key("log_level", Some("6"), "how much librdkafka logs, from 0 (emergencies) to 7 (debugging)"),
];

const REST_PROXY: &[ConfigKey] = &[
    key("rest.proxy.url", None, "the address of the REST Proxy"),
    key("basic.auth.user.info", None, "user and password as user:password; a secret"),
    key("bearer.auth.token", None, "a token, instead of user and password; a secret"),
    key("ssl.ca.location", None, "a file of the certificates to trust, in PEM; without it what the system trusts"),
    key("ssl.certificate.location", None, "a file of the client's certificate, in PEM, with its key or without"),
    key("ssl.key.location", None, "a file of the key of the client's certificate, in PEM, without a password"),
    key("cluster.id", None, "the cluster, where the proxy has several; without it the first"),
    key("requests.num.retries", None, "as in the section kafi"),
    key("fetch.min.bytes", None, "as in the section kafi"),
    key("consumer.request.timeout.ms", None, "as in the section kafi"),
    key("consume.num.attempts", None, "as in the section kafi"),
];

const LOCAL: &[ConfigKey] = &[key(
    "root.dir",
    Some("."),
    "the folder that holds the topics; a relative one is meant from the working directory",
)];

const S3: &[ConfigKey] = &[
    key("endpoint", None, "the address of the service; without it Amazon's own"),
    key(
        "access.key",
        None,
        "the access key id; a secret; without it the environment, a profile, or the machine's role says who we are",
    ),
    key("secret.key", None, "the secret access key; a secret"),
    key("session.token", None, "the session token of temporary keys; a secret"),
    key("profile", None, "the profile of the AWS configuration to take credentials from, instead of keys"),
    key("region", None, "the region; without it what the environment or the profile says, else us-east-1"),
    key(
        "path.style",
        None,
        "true: the bucket stands in the path, false: in the host's name; without it true where an endpoint is given",
    ),
    key("bucket.name", Some("test"), "the bucket"),
    key("bucket.create", Some("false"), "true: a bucket that is missing is created"),
    key("root.dir", Some(""), "what the names of all objects begin with, without slashes at its ends"),
    key("files.dir", Some("files"), "what the names of files begin with, behind root.dir; / is nothing"),
];

const AZURE_BLOB: &[ConfigKey] = &[
    key(
        "connection.string",
        None,
        "address, account, and account key in one; a secret; without it AZURE_STORAGE_CONNECTION_STRING, if no account is named",
    ),
    key("account.name", None, "the storage account, instead of a connection string"),
    key("account.key", None, "the key of the account; a secret"),
    key("sas.token", None, "a shared access signature, instead of a key; a secret"),
    key("endpoint", None, "the address of the Blob service, where it does not follow from the account"),
    key("container.name", Some("test"), "the container"),
    key("container.create", Some("false"), "true: a container that is missing is created"),
    key("root.dir", Some(""), "what the names of all blobs begin with, without slashes at its ends"),
    key("files.dir", Some("files"), "what the names of files begin with, behind root.dir; / is nothing"),
];

const fn key(name: &'static str, default: Option<&'static str>, meaning: &'static str) -> ConfigKey {
    ConfigKey { name, default, meaning }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_the_kind() {
        for kind in StorageKind::ALL {
            assert_eq!(StorageKind::from_section(kind.section()), Some(kind));
            assert_eq!(StorageKind::from_scheme(kind.scheme()), Some(kind));
            let keys = kind.place_keys("place", "path");
            assert!(
                !keys.is_empty() && keys.iter().all(|(name, _)| kind.keys().iter().any(|key| key.name == name)),
                "{kind}: {keys:?}"
            );
            for folder in kind.folders() {
                assert_eq!(StorageKind::from_folder(folder), Some(kind));
            }
        }
        assert_eq!(StorageKind::from_section("clusters"), None);
        assert_eq!(StorageKind::from_folder("kafka"), None);
        assert_eq!(StorageKind::from_folder("azblobs"), Some(StorageKind::AzureBlob));
    }
}
