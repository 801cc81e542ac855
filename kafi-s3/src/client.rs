//! The SDK's client: made when the first request needs it, because the certificates of the system take longer to read
//! than most answers take to come.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Credentials, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use kafi_objects::requests::Attempt;

use crate::answers::Answers;
use crate::config::{DEFAULT_REGION, Settings};
use crate::error::failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a client. Asks no server, unless credentials or the region have to come from the machine's role.
pub(crate) async fn connect(settings: &Settings) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    // Attempts are made until the caller's deadline, which the SDK does not know.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Some(region) = region(settings) {
        loader = loader.region(Region::new(region));
    }
    if let Some(keys) = &settings.keys {
        loader = loader.credentials_provider(Credentials::new(
            &keys.access,
            &keys.secret,
            keys.session_token.clone(),
            None,
            "kafi",
        ));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared).force_path_style(settings.path_style);
    if shared.region().is_none() {
        config = config.region(Region::new(DEFAULT_REGION));
    }
    if let Some(endpoint) = &settings.endpoint {
        // Other services than Amazon's do not all know the checksums that the SDK adds. Record batches carry their own.
        config = config
            .endpoint_url(endpoint)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    Client::from_conf(config.interceptor(Answers::Any).build())
}

/// Creates the bucket; that somebody else has just done so is no failure.
pub(crate) async fn create_bucket(client: &Client, settings: &Settings) -> Attempt<()> {
    let region = client.config().region().map_or(DEFAULT_REGION, Region::as_ref);
    let mut request = client.create_bucket().bucket(&settings.bucket);
    // The region of the service's own beginnings may not be named.
    if settings.endpoint.is_none() && region != DEFAULT_REGION {
        let place =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build();
        request = request.create_bucket_configuration(place);
    }
    match request.customize().interceptor(Answers::Whole).send().await.map_err(failure) {
        Err(failure) if matches!(failure.code.as_str(), "BucketAlreadyOwnedByYou" | "BucketAlreadyExists") => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => Ok(()),
    }
}

/// The region, where it is known without asking the machine that this runs on, which takes seconds where there is
/// nobody to answer.
fn region(settings: &Settings) -> Option<String> {
    let said = settings
        .region
        .clone()
        .or_else(|| ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok()));
    let said = said.filter(|region| !region.is_empty());
    let is_known = settings.endpoint.is_some() || settings.keys.is_some();
    said.or_else(|| (is_known && settings.profile.is_none()).then(|| DEFAULT_REGION.to_string()))
}
