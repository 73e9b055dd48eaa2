//! How a service connects: TLS, and what it is told when it cannot, against real servers.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use sqlx::{Connection, Executor, PgConnection, Row as _};
use vouch_localnet::{Instance, Postgres, built_binary};

/// A server on TCP with the password `right` for every user but its own.
struct Server {
    postgres: Postgres,
    port: u16,
    /// Where certificates are.
    dir: PathBuf,
    _instance: Instance,
}

/// A certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = dir.join(format!("{name}.pem"));
        fs::write(&file, certificate.pem()).expect("a file");
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// A certificate and its key for `name`, as files.
    fn certify(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let files = (
            dir.join(format!("{name}.crt")),
            dir.join(format!("{name}.key")),
        );
        fs::write(&files.0, certificate.pem()).expect("a file");
        fs::write(&files.1, key.serialize_pem()).expect("a file");
        files
    }
}

impl Server {
    /// Without TLS.
    async fn new() -> Self {
        let instance = Instance::create("connect-test").expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let settings = [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port.to_string()),
        ];
        let postgres = Postgres::private_with(instance.dir(), &settings).await;
        let mut server = Self {
            postgres: postgres.expect("Postgres"),
            port,
            dir: instance.dir().to_owned(),
            _instance: instance,
        };
        server
            .allow("local all vouch trust\nhost all all 127.0.0.1/32 scram-sha-256")
            .await;
        for sql in [
            "CREATE ROLE service LOGIN PASSWORD 'right'",
            "CREATE ROLE stranger LOGIN PASSWORD 'right'",
            "CREATE DATABASE vouch OWNER service",
            "REVOKE CONNECT ON DATABASE vouch FROM PUBLIC",
        ] {
            server.administer(sql).await;
        }
        server
    }

    /// With TLS, by a certificate of `authority` for `name`.
    async fn with_tls(&mut self, authority: &Authority, name: &str) {
        let data = self.postgres.data_dir().expect("ours");
        let (certificate, key) = authority.certify(&data, name);
        let owner = fs::metadata(&data).expect("a folder");
        for file in [&certificate, &key] {
            chown(file, Some(owner.uid()), Some(owner.gid())).expect("ours");
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("ours");
        }
        for (setting, value) in [
            ("ssl_cert_file", certificate.display().to_string()),
            ("ssl_key_file", key.display().to_string()),
            ("ssl", "on".to_owned()),
        ] {
            let sql = format!("ALTER SYSTEM SET {setting} = '{value}'");
            self.administer(&sql).await;
        }
        self.reload().await;
    }

    /// Replaces the rules by which the server lets clients in.
    async fn allow(&mut self, rules: &str) {
        let file = self.postgres.data_dir().expect("ours").join("pg_hba.conf");
        fs::write(file, rules).expect("ours");
        self.reload().await;
    }

    /// Returns when the server has read its files again.
    async fn reload(&self) {
        let url = self.postgres.url("postgres");
        // A new connection has what the server has read, and the time when it did.
        let read_at = async || {
            let mut connection = PgConnection::connect(&url).await.expect("Postgres");
            let sql = "SELECT pg_conf_load_time()::text";
            let row = connection.fetch_one(sql).await.expect(sql);
            row.get::<String, _>(0)
        };
        let before = read_at().await;
        self.administer("SELECT pg_reload_conf()").await;
        let deadline = Instant::now() + Duration::from_secs(30);
        while read_at().await == before {
            assert!(
                Instant::now() < deadline,
                "the server does not read its files"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn administer(&self, sql: &str) {
        let url = self.postgres.url("postgres");
        let mut connection = PgConnection::connect(&url).await.expect("Postgres");
        connection.execute(sql).await.expect(sql);
    }

    /// The URL with this host and these parameters.
    fn url(&self, host: &str, parameters: &str) -> String {
        let port = self.port;
        format!("postgres://service:right@{host}:{port}/vouch{parameters}")
    }
}

/// Whether the connection is by TLS, as Postgres says.
async fn is_encrypted(url: &str) -> bool {
    let pool = vouch_db::connect(url).await.expect("a connection");
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    pool.fetch_one(sql).await.expect(sql).get(0)
}

/// The error with its causes, as a service prints it.
async fn refusal(url: &str) -> String {
    let error = vouch_db::connect(url).await.expect_err("refused");
    assert!(error.is_fatal(), "{error:?}");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.strip_prefix("Postgres is not set up for this service: ")
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

fn tls(cause: &str) -> String {
    format!(
        "no connection by TLS: {cause}: check sslmode, sslrootcert and the host in DATABASE_URL, \
         and the certificate of the server"
    )
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_at_once_and_says_what_to_do() {
    let server = Server::new().await;
    let right = server.url("127.0.0.1", "");
    assert!(!is_encrypted(&right).await);
    let url = |cause: &str| {
        format!(
            "DATABASE_URL is wrong: {cause}: it has to look like \
             postgres://user:password@host/database?sslmode=verify-full"
        )
    };
    let login = |cause: &str| {
        format!("{cause}: check user and password in DATABASE_URL, and pg_hba.conf of the server")
    };
    for (wrong, expected) in [
        // A URL that is none
        ("vouch".to_owned(), url("relative URL without a base")),
        ("http://127.0.0.1/vouch".to_owned(), url("its scheme is http")),
        (
            server.url("127.0.0.1", "?sslmod=require"),
            url(
                "it has an unknown parameter; known are application_name, dbname, host, hostaddr, \
                 options, password, port, sslcert, sslkey, sslmode, sslrootcert, \
                 statement-cache-capacity, user",
            ),
        ),
        (
            server.url("127.0.0.1", "?sslmode=required"),
            url("unknown value \"required\" for `ssl_mode`"),
        ),
        (
            server.url("127.0.0.1", "?sslrootcert=/nowhere.pem"),
            url("sslrootcert: cannot read the file: No such file or directory (os error 2)"),
        ),
        // A server that lets nobody in like that
        (
            right.replace("right", "wrong"),
            login("password authentication failed for user \"service\""),
        ),
        (
            right.replace("service", "nobody"),
            login("password authentication failed for user \"nobody\""),
        ),
        (
            right.replace("/vouch", "/other"),
            "database \"other\" does not exist: create it, or correct its name in DATABASE_URL"
                .to_owned(),
        ),
        (
            right.replace("service", "stranger"),
            "permission denied for database \"vouch\": run `vouch-indexer migrate --grants` as the \
             owner, or connect as another role"
                .to_owned(),
        ),
        // A server without TLS
        (
            server.url("127.0.0.1", "?sslmode=require"),
            tls("server does not support TLS"),
        ),
    ] {
        assert_eq!(refusal(&wrong).await, expected);
    }
}

#[tokio::test]
async fn every_sslmode_does_what_it_says() {
    // Given a server with a certificate of the company's authority for another name
    let mut server = Server::new().await;
    let company = Authority::new(&server.dir, "company");
    let stranger = Authority::new(&server.dir, "stranger");
    server.with_tls(&company, "db.company.example").await;
    let root = |authority: &Authority| format!("&sslrootcert={}", authority.file.display());
    // Then the modes that check no certificate are encrypted unless TLS is off
    for (mode, encrypted) in [
        ("", true),
        ("?sslmode=disable", false),
        ("?sslmode=allow", true),
        ("?sslmode=prefer", true),
        ("?sslmode=require", true),
    ] {
        let url = server.url("localhost", mode);
        assert_eq!(is_encrypted(&url).await, encrypted, "{mode}");
    }
    // And the others refuse a certificate of an authority that is not trusted
    let verify_ca = |authority| format!("?sslmode=verify-ca{}", root(authority));
    let verify_full = |authority| format!("?sslmode=verify-full{}", root(authority));
    let unknown = tls("invalid peer certificate: UnknownIssuer");
    for parameters in [
        verify_ca(&stranger),
        verify_full(&stranger),
        "?sslmode=verify-full".to_owned(),
    ] {
        let url = server.url("localhost", &parameters);
        assert_eq!(refusal(&url).await, unknown, "{parameters}");
    }
    // And one for another name
    let urls = [verify_ca(&company), verify_full(&company)];
    let urls = urls.map(|parameters| server.url("localhost", &parameters));
    for url in &urls {
        assert_eq!(
            refusal(url).await,
            tls(
                "invalid peer certificate: certificate not valid for name \"localhost\"; \
                 certificate is only valid for DnsName(\"db.company.example\")"
            )
        );
    }
    // When the certificate has the name, then all is well
    server.with_tls(&company, "localhost").await;
    for url in &urls {
        assert!(is_encrypted(url).await);
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_asks_for_it() {
    // Given a server that lets only clients with a certificate in
    let mut server = Server::new().await;
    let company = Authority::new(&server.dir, "company");
    server.with_tls(&company, "localhost").await;
    let data = server.postgres.data_dir().expect("ours");
    fs::copy(&company.file, data.join("clients.pem")).expect("ours");
    let readable = fs::Permissions::from_mode(0o644);
    fs::set_permissions(data.join("clients.pem"), readable).expect("ours");
    server
        .administer("ALTER SYSTEM SET ssl_ca_file = 'clients.pem'")
        .await;
    server
        .allow("local all vouch trust\nhostssl all all 127.0.0.1/32 cert")
        .await;
    let root = format!(
        "?sslmode=verify-full&sslrootcert={}",
        company.file.display()
    );
    // Then one without is refused, and one in plain text as well
    let check = "check user and password in DATABASE_URL, and pg_hba.conf of the server";
    assert_eq!(
        refusal(&server.url("localhost", &root)).await,
        format!("connection requires a valid client certificate: {check}")
    );
    assert_eq!(
        refusal(&server.url("localhost", "?sslmode=disable")).await,
        format!(
            "no pg_hba.conf entry for host \"127.0.0.1\", user \"service\", database \"vouch\", no \
             encryption: {check}"
        )
    );
    // And one with a certificate for its user is let in
    let (certificate, key) = company.certify(&server.dir, "service");
    let own = format!(
        "{root}&sslcert={}&sslkey={}",
        certificate.display(),
        key.display()
    );
    assert!(is_encrypted(&server.url("localhost", &own)).await);
}

#[tokio::test]
async fn the_authorities_of_the_machine_are_trusted_and_can_be_narrowed() {
    // Given a server with a certificate of the company's authority
    let mut server = Server::new().await;
    let company = Authority::new(&server.dir, "company");
    let stranger = Authority::new(&server.dir, "stranger");
    server.with_tls(&company, "localhost").await;
    let migrate = async |authority: &Authority| {
        tokio::process::Command::new(built_binary("vouch-indexer").expect("it is built"))
            .arg("migrate")
            .env(
                "DATABASE_URL",
                server.url("localhost", "?sslmode=verify-full"),
            )
            .env("SSL_CERT_FILE", &authority.file)
            .env_remove("SSL_CERT_DIR")
            .output()
            .await
            .expect("it starts")
    };
    // When these are another authority alone, then the command is refused
    let output = migrate(&stranger).await;
    assert_eq!(output.status.code(), Some(1));
    let unknown = tls("invalid peer certificate: UnknownIssuer");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("error: Postgres is not set up for this service: {unknown}\n")
    );
    // When they are the company's, then it works
    let output = migrate(&company).await;
    assert!(output.status.success(), "{output:?}");
}
