# Libraries of the system instead of packages: conan create packaging/conan -pr packaging/conan/system_libraries.profile
include(default)

[settings]
compiler.cppstd=20

[platform_requires]
boost/1.81.0
fmt/9.1.0
lz4/1.9.4
nlohmann_json/3.11.2
openssl/3.0.0
snappy/1.1.9
zlib/1.2.13
zstd/1.5.4
