// An owned file descriptor.

#ifndef COMMON_PROCESS_FILE_DESCRIPTOR_H_
#define COMMON_PROCESS_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace audio_latency {

// Closes what it holds; -1 holds nothing. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { Close(); }

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  // Hands it over; what is left holds nothing.
  int Release() { return std::exchange(number_, -1); }
  void Close() {
    if (number_ >= 0) {
      close(std::exchange(number_, -1));
    }
  }

 private:
  int number_ = -1;
};

}  // namespace audio_latency

#endif  // COMMON_PROCESS_FILE_DESCRIPTOR_H_
