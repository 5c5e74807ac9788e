//! Certificates for the tests, and a client that goes by them.

use std::fs;
use std::sync::Arc;

use gaoler::config::checked::Web;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::doors::web;
use crate::http::{Answer, Served, ask_over};

/// A certificate authority, and what it has signed, as files.
pub struct Authority {
    pub directory: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.crt"), issuer.pem()).unwrap();
        Self { directory, issuer }
    }

    /// Signs a certificate for the name, into `NAME.crt` and `NAME.key`.
    pub fn sign(&self, name: &str) {
        self.sign_until(name, 4096);
    }

    /// Likewise, one that is over with the year.
    pub fn sign_until(&self, name: &str, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |ending: &str| self.directory.path().join(format!("{name}.{ending}"));
        fs::write(path("crt"), certificate.pem()).unwrap();
        fs::write(path("key"), key.serialize_pem()).unwrap();
    }

    /// A web configuration beside its files.
    pub fn web(&self, yaml: &str) -> Web {
        web(&self.directory.path().join("web.yml"), yaml)
    }

    /// What it signed last for the name.
    pub fn signed(&self, name: &str) -> CertificateDer<'static> {
        let pem = fs::read(self.directory.path().join(format!("{name}.crt"))).unwrap();
        CertificateDer::from_pem_slice(&pem).unwrap()
    }

    /// A GET in TLS, with the client's certificate if one is named.
    pub async fn get(&self, server: &Served, path: &str, client: Option<&str>) -> Option<Answer> {
        let tls = self.connect(server, ALL_VERSIONS, client).await?;
        ask_over(tls, path).await
    }

    /// A connection in TLS of one of these versions, with the client's certificate if one is named.
    pub async fn connect(
        &self,
        server: &Served,
        versions: &[&'static SupportedProtocolVersion],
        client: Option<&str>,
    ) -> Option<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let read = |ending: &str| {
                    fs::read(self.directory.path().join(format!("{name}.{ending}"))).unwrap()
                };
                let chain = vec![CertificateDer::from_pem_slice(&read("crt")).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(&read("key")).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
    }
}
