//! From the web configuration's files to TLS.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::DoorError;
use crate::config::web::{Required, Tls};

/// Makes what speaks TLS.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, DoorError> {
    let certificates = certificates(&tls.cert_file)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key_file)?)
        .map_err(|error| wrong(&tls.key_file, &format!("no private key in PEM: {error}")))?;
    let versions: &[_] = if tls.only_tls13 { &[&TLS13] } else { &[&TLS13, &TLS12] };
    let pair = |error: rustls::Error| DoorError::Pair {
        cert: tls.cert_file.clone(),
        key: tls.key_file.clone(),
        why: error.to_string(),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .map_err(pair)?;
    let config = match &tls.clients {
        None => config.with_no_client_auth(),
        Some((path, required)) => config.with_client_cert_verifier(clients(path, *required)?),
    };
    let mut config = config.with_single_cert(certificates, key).map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// When the first certificate of a chain, the server's own, is over.
pub(super) fn end(path: &Path) -> Result<Timestamp, DoorError> {
    let certificates = certificates(path)?;
    let own = X509Certificate::from_der(&certificates[0]);
    let (_, own) = own.map_err(|error| wrong(path, &format!("no certificate: {error}")))?;
    let end = own.validity().not_after.timestamp();
    Ok(Timestamp::from_second(end).unwrap_or(Timestamp::MAX))
}

fn clients(path: &Path, required: Required) -> Result<Arc<dyn ClientCertVerifier>, DoorError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| wrong(path, &error.to_string()))?;
    }
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
    verifier.build().map_err(|error| wrong(path, &error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DoorError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates =
        certificates.map_err(|error| wrong(path, &format!("no certificate in PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong(path, "there is no certificate in it; it must be in PEM"));
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, DoorError> {
    fs::read(path).map_err(|error| wrong(path, &format!("cannot be read by gaoler: {error}")))
}

fn wrong(path: &Path, why: &str) -> DoorError {
    DoorError::File { path: path.to_owned(), why: why.to_owned() }
}
