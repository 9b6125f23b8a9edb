// Objects of OpenSSL in std::unique_ptr.

#ifndef COMMON_TLS_FREED_H_
#define COMMON_TLS_FREED_H_

namespace audio_latency {

// A deleter that calls one of OpenSSL's functions: std::unique_ptr<X509, Freed<X509_free>>.
template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace audio_latency

#endif  // COMMON_TLS_FREED_H_
