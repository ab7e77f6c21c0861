//! What scripts publish: texts by name, for routers and widgets to fetch.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::store::{OWN, Store};
use crate::time::Time;

/// A text that a script published.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Publication {
    pub name: String,
    pub script: String,
    pub text: String,
    /// When it was published last.
    pub at: Time,
}

/// The published texts, kept in the store under our own scope.
#[derive(Clone)]
pub struct Published(Store);

impl Published {
    const PREFIX: &str = "published/";
    const LONGEST_NAME: usize = 100;

    pub fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// Puts the text in the place of what the name stood for.
    ///
    /// # Errors
    /// `argument` for a name that could not stand in an address; those of the store.
    pub async fn put(&self, publication: &Publication) -> Result<()> {
        let name = Self::check(&publication.name)?;
        let value = serde_json::to_value(publication).map_err(|error| Error::internal(error.to_string()))?;
        self.0.set(OWN, &format!("{}{name}", Self::PREFIX), &value, None).await
    }

    /// # Errors
    /// Those of the store.
    pub async fn get(&self, name: &str) -> Result<Option<Publication>> {
        let value = self.0.get(OWN, &format!("{}{name}", Self::PREFIX)).await?;
        let read = |value| serde_json::from_value(value).map_err(|error| Error::internal(error.to_string()));
        value.map(read).transpose()
    }

    /// The names, sorted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn names(&self) -> Result<Vec<String>> {
        let keys = self.0.keys(OWN, Self::PREFIX).await?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(Self::PREFIX)).map(Into::into).collect())
    }

    /// A name as it may stand in an address.
    ///
    /// # Errors
    /// `argument`.
    pub fn check(name: &str) -> Result<&str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > Self::LONGEST_NAME || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Error::new(Kind::Argument, format!("`{name}` is no name to publish under"))
                .hint("use letters, digits, `-`, `_` and `.`: `\"banned.nft\"`"));
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::database::Database;

    #[tokio::test]
    async fn what_is_published_is_there_under_its_name() {
        let database = Database::memory(VirtualClock::new(Time::from_seconds(0))).await.unwrap();
        let published = Published::new(&Store::new(&database));
        let text = |text: &str| Publication {
            name: "banned.nft".into(),
            script: "guard".into(),
            text: text.into(),
            at: Time::from_seconds(7),
        };
        assert_eq!(published.get("banned.nft").await.unwrap(), None);
        published.put(&text("old")).await.unwrap();
        published.put(&text("new")).await.unwrap();
        assert_eq!(published.get("banned.nft").await.unwrap(), Some(text("new")));
        assert_eq!(published.names().await.unwrap(), ["banned.nft"]);
        for name in ["", "a/b", "..", ".hidden", "流量"] {
            let refused = Publication { name: name.into(), ..text("x") };
            assert_eq!(published.put(&refused).await.unwrap_err().kind, Kind::Argument, "{name}");
        }
    }
}
