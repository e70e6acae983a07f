//! Object stores of `http(s)://` and `s3://` locations, made when a statement names one.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::{Position, Url};

/// Time to connect, at an interactive prompt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time after which a request that failed is not repeated.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);

/// Adds stores of remote locations to an environment.
pub(crate) fn with_remote_stores(environment: RuntimeEnvBuilder) -> RuntimeEnvBuilder {
    environment
        .with_object_store_registry(Arc::new(RemoteStores(DefaultObjectStoreRegistry::new())))
}

/// Registry that makes the store of a host or a bucket when it is first asked for.
///
/// Keys, region and endpoint of a bucket are those of the environment: `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_SKIP_SIGNATURE` and so on.
#[derive(Debug)]
struct RemoteStores(DefaultObjectStoreRegistry);

impl ObjectStoreRegistry for RemoteStores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.0.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.0.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.0.get_store(url).or_else(|missing| {
            let Some(store) = remote_store(url) else {
                return Err(missing);
            };
            let store = store.map_err(|error| DataFusionError::ObjectStore(Box::new(error)))?;
            self.0.register_store(url, Arc::clone(&store));
            Ok(store)
        })
    }
}

/// Makes the store of a URL; `None` for other schemes.
fn remote_store(url: &Url) -> Option<object_store::Result<Arc<dyn ObjectStore>>> {
    let options = ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT);
    let retry = RetryConfig {
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    match url.scheme() {
        scheme @ ("http" | "https") => {
            let store = HttpBuilder::new()
                .with_url(&url[..Position::BeforePath])
                .with_client_options(options.with_allow_http(scheme == "http"))
                .with_retry(retry)
                .build();
            Some(store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>))
        }
        "s3" => {
            let store = AmazonS3Builder::from_env()
                .with_bucket_name(url.host_str().unwrap_or_default())
                .with_retry(retry)
                .build();
            Some(store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>))
        }
        _ => None,
    }
}
