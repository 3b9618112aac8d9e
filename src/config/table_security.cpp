// Properties of TLS and SASL. This version speaks plaintext only: everything here is known and checked, and nothing
// of it acts yet.
#include "config/property.hpp"

namespace ottla::config {
namespace {

using enum Kind;
using enum Importance;
using enum Effect;

constexpr int64_t int_max = 2'147'483'647;
constexpr int64_t day_ms = 86'400'000;

constexpr Choice protocols[] = {{"plaintext", 0}, {"ssl", 1}, {"sasl_plaintext", 2}, {"sasl_ssl", 3}};
constexpr Choice identifications[] = {{"none", 0}, {"https", 1}};
constexpr Choice mechanisms[] = {
    {"GSSAPI", 0}, {"PLAIN", 1}, {"SCRAM-SHA-256", 2}, {"SCRAM-SHA-512", 3}, {"OAUTHBEARER", 4}};
constexpr Choice methods[] = {{"default", 0}, {"oidc", 1}};
constexpr Choice grants[] = {{"client_credentials", 0}, {"urn:ietf:params:oauth:grant-type:jwt-bearer", 1}};
constexpr Choice algorithms[] = {{"RS256", 0}, {"ES256", 1}};
constexpr Choice clouds[] = {{"none", 0}, {"azure_imds", 1}, {"aws_iam", 2}};

constexpr Property rows[] = {
    {.name = "security.protocol", .kind = choice, .choices = protocols, .preset = "plaintext", .importance = high,
     .doc = "How brokers are spoken to. This version has plaintext alone and refuses the others."},

    // --- TLS
    {.name = "ssl.cipher.suites", .effect = later, .doc = "Cipher suites to offer, as OpenSSL names them."},
    {.name = "ssl.curves.list", .effect = later, .doc = "Key exchange groups to offer, as OpenSSL names them."},
    {.name = "ssl.sigalgs.list", .effect = later, .doc = "Signature algorithms to offer, as OpenSSL names them."},
    {.name = "ssl.key.location", .traits = sensitive, .effect = later, .doc = "File with the client's private key (PEM)."},
    {.name = "ssl.key.password", .traits = sensitive, .effect = later, .doc = "Password of that key."},
    {.name = "ssl.key.pem", .traits = sensitive, .effect = later, .doc = "The private key itself (PEM)."},
    {.name = "ssl_key", .kind = callback, .traits = sensitive, .effect = later, .doc = "A private key in memory."},
    {.name = "ssl.certificate.location", .effect = later, .doc = "File with the client's certificate chain (PEM)."},
    {.name = "ssl.certificate.pem", .effect = later, .doc = "The certificate chain itself (PEM)."},
    {.name = "ssl_certificate", .kind = callback, .effect = later, .doc = "A certificate in memory."},
    {.name = "ssl.ca.location", .effect = later,
     .doc = "File or folder of the authorities to trust; `probe` looks in the usual places."},
    {.name = "ssl.ca.pem", .traits = sensitive, .effect = later, .doc = "The authorities to trust themselves (PEM)."},
    {.name = "ssl_ca", .kind = callback, .effect = later, .doc = "Authorities to trust, in memory."},
    {.name = "ssl.ca.certificate.stores", .preset = "Root", .effect = later,
     .doc = "Stores of the system to take trusted authorities from, where it has such stores."},
    {.name = "https.ca.location", .effect = later, .doc = "File or folder of authorities to trust for token endpoints."},
    {.name = "https.ca.pem", .effect = later, .doc = "The authorities to trust for token endpoints themselves (PEM)."},
    {.name = "ssl.crl.location", .effect = later, .doc = "File with revoked certificates."},
    {.name = "ssl.keystore.location", .effect = later, .doc = "PKCS#12 file with the client's key and certificate."},
    {.name = "ssl.keystore.password", .traits = sensitive, .effect = later, .doc = "Password of that file."},
    {.name = "ssl.providers", .effect = later, .doc = "Providers for OpenSSL to load, in order, separated by commas."},
    {.name = "ssl.engine.location", .traits = deprecated, .effect = later, .doc = "Library of an OpenSSL engine."},
    {.name = "ssl.engine.id", .preset = "dynamic", .effect = later, .doc = "Name of that engine."},
    {.name = "ssl_engine_callback_data", .kind = callback, .effect = later, .doc = "Pointer handed to that engine."},
    {.name = "enable.ssl.certificate.verification", .kind = boolean, .preset = "true", .effect = later,
     .doc = "Whether a broker's certificate must be one that is trusted."},
    {.name = "ssl.endpoint.identification.algorithm", .kind = choice, .choices = identifications, .preset = "https",
     .effect = later, .doc = "Whether a broker's certificate must name the host that was connected to."},
    {.name = "ssl.certificate.verify_cb", .kind = callback, .effect = later,
     .doc = "Judges each certificate of a broker's chain."},

    // --- SASL
    {.name = "sasl.mechanisms", .alias = "sasl.mechanism", .kind = choice, .choices = mechanisms, .preset = "GSSAPI",
     .importance = high, .effect = later, .doc = "How the client proves who it is; exactly one."},
    {.name = "sasl.username", .importance = high, .traits = sensitive, .effect = later, .doc = "User name of PLAIN and SCRAM."},
    {.name = "sasl.password", .importance = high, .traits = sensitive, .effect = later, .doc = "Password of PLAIN and SCRAM."},
    {.name = "sasl.kerberos.service.name", .preset = "kafka", .effect = later, .doc = "Kerberos service that brokers run as."},
    {.name = "sasl.kerberos.principal", .preset = "kafkaclient", .effect = later, .doc = "Kerberos name of this client."},
    {.name = "sasl.kerberos.kinit.cmd",
     .preset = "kinit -R -t \"%{sasl.kerberos.keytab}\" -k %{sasl.kerberos.principal} || "
               "kinit -t \"%{sasl.kerberos.keytab}\" -k %{sasl.kerberos.principal}",
     .effect = later, .doc = "Shell command that gets or renews the ticket; %{property} stands for a property's value."},
    {.name = "sasl.kerberos.keytab", .effect = later, .doc = "Key table for that command."},
    {.name = "sasl.kerberos.min.time.before.relogin", .kind = integer, .range = {0, day_ms}, .preset = "60000",
     .effect = later, .doc = "How often that command runs, in ms; 0: once."},
    {.name = "sasl.oauthbearer.config", .traits = sensitive, .effect = later,
     .doc = "Text for whatever makes the tokens; its form depends on that."},
    {.name = "enable.sasl.oauthbearer.unsecure.jwt", .kind = boolean, .preset = "false", .effect = later,
     .doc = "Make unsigned tokens by the words of sasl.oauthbearer.config. For tests only."},
    {.name = "oauthbearer_token_refresh_cb", .kind = callback, .effect = later, .doc = "Gets a new token when one is due."},
    {.name = "enable_sasl_queue", .kind = boolean, .preset = "false", .traits = hidden, .effect = later,
     .doc = "Ask for tokens through a queue of their own."},
    {.name = "sasl.oauthbearer.method", .kind = choice, .choices = methods, .preset = "default", .effect = later,
     .doc = "Where tokens come from: the callback, or an OpenID Connect endpoint."},
    {.name = "sasl.oauthbearer.client.id", .alias = "sasl.oauthbearer.client.credentials.client.id", .effect = later,
     .doc = "Name by which the client asks the endpoint for tokens."},
    {.name = "sasl.oauthbearer.client.secret", .alias = "sasl.oauthbearer.client.credentials.client.secret",
     .traits = sensitive, .effect = later, .doc = "Secret that goes with that name."},
    {.name = "sasl.oauthbearer.scope", .effect = later, .doc = "What the token shall allow."},
    {.name = "sasl.oauthbearer.extensions", .effect = later,
     .doc = "Extensions told to the broker with the token: key=value, separated by commas."},
    {.name = "sasl.oauthbearer.token.endpoint.url", .effect = later, .doc = "Address of the endpoint that gives out tokens."},
    {.name = "sasl.oauthbearer.sub.claim.name", .preset = "sub", .effect = later,
     .doc = "The claim of a token that says for whom it is."},
    {.name = "sasl.oauthbearer.grant.type", .kind = choice, .choices = grants, .preset = "client_credentials", .effect = later,
     .doc = "What the endpoint is shown: name and secret, or a signed assertion."},
    {.name = "sasl.oauthbearer.assertion.algorithm", .kind = choice, .choices = algorithms, .preset = "RS256", .effect = later,
     .doc = "How assertions are signed."},
    {.name = "sasl.oauthbearer.assertion.private.key.file", .traits = sensitive, .effect = later,
     .doc = "File with the key that signs assertions (PEM)."},
    {.name = "sasl.oauthbearer.assertion.private.key.passphrase", .traits = sensitive, .effect = later,
     .doc = "Password of that key."},
    {.name = "sasl.oauthbearer.assertion.private.key.pem", .traits = sensitive, .effect = later,
     .doc = "The key that signs assertions itself (PEM)."},
    {.name = "sasl.oauthbearer.assertion.file", .effect = later,
     .doc = "File with a finished assertion, read for each token; excludes the others."},
    {.name = "sasl.oauthbearer.assertion.claim.aud", .effect = later, .doc = "For whom an assertion is."},
    {.name = "sasl.oauthbearer.assertion.claim.exp.seconds", .kind = integer, .range = {1, int_max}, .preset = "300",
     .effect = later, .doc = "How long an assertion holds."},
    {.name = "sasl.oauthbearer.assertion.claim.iss", .effect = later, .doc = "Who made an assertion."},
    {.name = "sasl.oauthbearer.assertion.claim.jti.include", .kind = boolean, .preset = "false", .effect = later,
     .doc = "Give each assertion an id of its own."},
    {.name = "sasl.oauthbearer.assertion.claim.nbf.seconds", .kind = integer, .range = {0, int_max}, .preset = "60",
     .effect = later, .doc = "How far back an assertion holds, for clocks that differ."},
    {.name = "sasl.oauthbearer.assertion.claim.sub", .effect = later, .doc = "Of whom an assertion speaks."},
    {.name = "sasl.oauthbearer.assertion.jwt.template.file", .effect = later,
     .doc = "JSON file with header and payload that assertions start from."},
    {.name = "sasl.oauthbearer.metadata.authentication.type", .kind = choice, .choices = clouds, .preset = "none",
     .effect = later, .doc = "Let the cloud that the client runs in vouch for it."},

    // --- names of the Java client
    {.name = "ssl.truststore.location", .kind = foreign, .effect = never, .hint = "ssl.ca.location", .doc = "A Java key store."},
    {.name = "sasl.jaas.config", .kind = foreign, .effect = never, .hint = "sasl.username and sasl.password",
     .doc = "A Java login module."},
};

} // namespace

std::span<const Property> security_properties() { return rows; }

} // namespace ottla::config
