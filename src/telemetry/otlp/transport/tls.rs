//! Whom to trust, and who we are.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::TargetError;
use crate::telemetry::otlp::settings::Target;

/// For a gRPC channel.
pub(super) fn of_channel(target: &Target) -> Result<ClientTlsConfig, TargetError> {
    let mut tls = ClientTlsConfig::new();
    tls = match &target.certificate {
        Some(path) => tls.ca_certificate(Certificate::from_pem(read(path)?)),
        None => tls.with_native_roots(),
    };
    if let Some((certificate, key)) = &target.client {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(tls)
}

/// For an HTTP client.
pub(super) fn of_client(target: &Target) -> Result<ClientConfig, TargetError> {
    let wrong = |error: rustls::Error| TargetError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_root_certificates(roots(target)?);
    match &target.client {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(wrong),
    }
}

/// The receiver's own authority, or else those that the system trusts.
fn roots(target: &Target) -> Result<RootCertStore, TargetError> {
    let mut roots = RootCertStore::empty();
    let trusted = match &target.certificate {
        Some(path) => certificates(path)?,
        None if target.url.starts_with("https") => rustls_native_certs::load_native_certs().certs,
        None => Vec::new(),
    };
    roots.add_parsable_certificates(trusted);
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TargetError> {
    let pem = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| bad(path, &error))?;
    if certificates.is_empty() {
        return Err(bad(path, &"it holds no certificate"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TargetError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| bad(path, &error))
}

fn read(path: &Path) -> Result<Vec<u8>, TargetError> {
    std::fs::read(path).map_err(|error| bad(path, &error))
}

fn bad(path: &Path, why: &dyn std::fmt::Display) -> TargetError {
    TargetError::Pem { path: path.display().to_string(), why: why.to_string() }
}
