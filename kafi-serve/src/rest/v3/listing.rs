//! How resources and lists of them are written, and which cluster a request means.

use kafi_core::Json;

use crate::answer::Asked;
use crate::failure::{Failure, Refusal};
use crate::rest::v3::V3;

/// Where things of a cluster are, for the links in answers.
pub struct Place {
    pub cluster: String,
    base: String,
}

impl Place {
    /// The cluster that a request names, which must be this one.
    pub fn of(api: &V3, asked: &Asked) -> Result<Self, Failure> {
        let place = Self::any(api, asked)?;
        match asked.param("cluster") {
            named if named == place.cluster => Ok(place),
            named => Err(Refusal::of_status(404, format!("Cluster {named} cannot be found.")).into()),
        }
    }

    /// This cluster, whichever a request names.
    pub fn any(api: &V3, asked: &Asked) -> Result<Self, Failure> {
        let cluster = Self::cluster(api)?;
        let host = asked.header("host").unwrap_or("localhost");
        let base = format!("{}://{host}/v3/clusters/{cluster}", api.0.app.options.scheme());
        Ok(Self { cluster, base })
    }

    /// What the storage is called as a cluster; asks it once.
    pub fn cluster(V3(rest): &V3) -> Result<String, Failure> {
        if let Some(known) = rest.cluster.get() {
            return Ok(known.clone());
        }
        let cluster = cluster_id(&rest.served.storage.identity(rest.timeout())?);
        Ok(rest.cluster.get_or_init(|| cluster).clone())
    }

    /// The link to a thing of the cluster.
    pub fn link(&self, path: &[&str]) -> String {
        let mut link = self.base.clone();
        for part in path {
            link.push('/');
            link.push_str(&escaped(part));
        }
        link
    }

    /// A thing, its kind, and where it is.
    pub fn resource<'a>(&self, kind: &str, path: &[&str], members: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
        let metadata = Json::object([
            ("self", Json::from(self.link(path))),
            ("resource_name", Json::from(resource_name(&self.cluster, path))),
        ]);
        let all = [("kind", Json::from(kind)), ("metadata", metadata), ("cluster_id", Json::from(&self.cluster))];
        Json::object(all.into_iter().chain(members))
    }

    /// A list of things.
    pub fn list(&self, kind: &str, path: &[&str], all: impl IntoIterator<Item = Json>) -> Json {
        self.list_at(kind, self.link(path), all)
    }

    /// A list of which each thing has an address of its own.
    pub fn list_at(&self, kind: &str, link: String, all: impl IntoIterator<Item = Json>) -> Json {
        let metadata = Json::object([("self", Json::from(link)), ("next", Json::null())]);
        Json::object([("kind", Json::from(kind)), ("metadata", metadata), ("data", Json::array(all))])
    }

    /// The link to something else.
    pub fn related(&self, path: &[&str]) -> Json {
        Json::object([("related", Json::from(self.link(path)))])
    }
}

/// What a storage is called as a cluster: a path is none, so what a folder is is a number made of it.
fn cluster_id(identity: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !identity.is_empty() && identity.bytes().all(is_plain) {
        return identity.to_string();
    }
    // FNV-1a: what it is made of need not be kept from anybody, and it is the same after a restart.
    let hash = identity
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("kafi-{hash:016x}")
}

/// What a thing is called among all of Confluent's: `topics/t/partitions/0` is `topic=t/partition=0`.
fn resource_name(cluster: &str, path: &[&str]) -> String {
    let mut name = format!("crn:///kafka={}", escaped(cluster));
    for pair in path.chunks(2) {
        name.push('/');
        name.push_str(pair[0].strip_suffix('s').unwrap_or(pair[0]));
        for id in &pair[1..] {
            name.push('=');
            name.push_str(&escaped(id));
        }
    }
    name
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_have_names_of_pairs() {
        assert_eq!(resource_name("c", &[]), "crn:///kafka=c");
        let path = ["consumer-groups", "a/b", "lags", "t", "partitions", "0"];
        assert_eq!(resource_name("c", &path), "crn:///kafka=c/consumer-group=a%2Fb/lag=t/partition=0");
        let path = ["consumer-groups", "g", "lag-summary"];
        assert_eq!(resource_name("c", &path), "crn:///kafka=c/consumer-group=g/lag-summary");
    }

    #[test]
    fn clusters_have_ids_that_stand_in_paths() {
        assert_eq!(cluster_id("MkU3OEVBNTcwNTJENDM2Qk"), "MkU3OEVBNTcwNTJENDM2Qk");
        let of_folder = cluster_id("/data/topics");
        assert!(of_folder.starts_with("kafi-") && of_folder == cluster_id("/data/topics"), "{of_folder}");
        assert_ne!(of_folder, cluster_id("/data/others"));
    }
}
