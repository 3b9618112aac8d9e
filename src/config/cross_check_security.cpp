// What must hold between properties of TLS and SASL.
#include <fmt/format.h>

#include "config/settings.hpp"

namespace ottla::config {
namespace {

Error clash(const Settings& s, std::string_view one, std::string_view how, std::string_view other) {
    return invalid(fmt::format("{} {} {}", s.spell(one), how, s.spell(other)));
}

bool has(const Settings& s, std::string_view name) { return !s.text(name).empty(); }

// The assertion of the jwt-bearer grant: ready in a file, or made here out of a key.
Error check_assertion(const Settings& s) {
    constexpr std::string_view file = "sasl.oauthbearer.assertion.file";
    constexpr std::string_view key_file = "sasl.oauthbearer.assertion.private.key.file";
    constexpr std::string_view key_pem = "sasl.oauthbearer.assertion.private.key.pem";
    constexpr std::string_view made[] = {
        key_file,
        key_pem,
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.algorithm",
        "sasl.oauthbearer.assertion.claim.aud",
        "sasl.oauthbearer.assertion.claim.exp.seconds",
        "sasl.oauthbearer.assertion.claim.iss",
        "sasl.oauthbearer.assertion.claim.jti.include",
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        "sasl.oauthbearer.assertion.claim.sub",
        "sasl.oauthbearer.assertion.jwt.template.file"};
    if (has(s, file)) {
        for (const std::string_view name : made)
            if (s.is_given(name))
                return clash(s, name, "cannot be set with", file);
        return {};
    }
    if (has(s, key_file) && has(s, key_pem))
        return clash(s, key_file, "cannot be set with", key_pem);
    if (!has(s, key_file) && !has(s, key_pem))
        return clash(s, "sasl.oauthbearer.grant.type", "jwt-bearer needs sasl.oauthbearer.assertion.file or", key_file);
    return {};
}

Error check_oidc(const Settings& s) {
    constexpr std::string_view method = "sasl.oauthbearer.method";
    constexpr std::string_view cloud = "sasl.oauthbearer.metadata.authentication.type";
    const bool azure = s.text(cloud) == "azure_imds" && s.text("sasl.oauthbearer.config").find("query") != std::string::npos;
    if (s.text(cloud) == "aws_iam" || azure)
        return {};
    if (!has(s, "sasl.oauthbearer.token.endpoint.url"))
        return clash(s, method, "oidc needs", "sasl.oauthbearer.token.endpoint.url");
    if (trim(s.text("sasl.oauthbearer.sub.claim.name")).empty())
        return clash(s, method, "oidc needs", "sasl.oauthbearer.sub.claim.name");
    if (s.text(cloud) != "none")
        return {};
    if (s.text("sasl.oauthbearer.grant.type") != "client_credentials")
        return check_assertion(s);
    for (const char* name : {"sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret"})
        if (!has(s, name))
            return clash(s, method, "oidc needs", name);
    return {};
}

} // namespace

Error cross_check_security(Settings& settings) {
    const Settings& s = settings;
    if (has(s, "ssl.keystore.location") && !has(s, "ssl.keystore.password"))
        return clash(s, "ssl.keystore.location", "needs", "ssl.keystore.password");
    if (has(s, "https.ca.location") && has(s, "https.ca.pem"))
        return clash(s, "https.ca.location", "cannot be set with", "https.ca.pem");
    const bool oidc = s.text("sasl.oauthbearer.method") == "oidc";
    if (oidc && s.is_true("enable.sasl.oauthbearer.unsecure.jwt"))
        return clash(s, "enable.sasl.oauthbearer.unsecure.jwt", "cannot be set with", "sasl.oauthbearer.method");
    return oidc ? check_oidc(s) : Error();
}

} // namespace ottla::config
