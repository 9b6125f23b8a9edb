#include "correlator/replay/capture/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kBufferBytes = size_t{256} * 1024;
constexpr uint8_t kGzipMagic[] = {0x1f, 0x8b};
// inflateInit2: gzip only, with the largest window.
constexpr int kGzipWindowBits = 16 + MAX_WBITS;

absl::Status ReadError(const std::string& path) {
  return absl::UnavailableError(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
}

// The file as it is stored.
class StoredFile {
 public:
  // `owned` holds nothing where it is standard input that is read.
  StoredFile(FileDescriptor owned, int stop_descriptor, std::string path)
      : owned_(std::move(owned)),
        descriptor_(owned_.is_open() ? owned_.get() : STDIN_FILENO),
        stop_descriptor_(stop_descriptor),
        path_(std::move(path)),
        buffer_(kBufferBytes) {
    struct stat status = {};
    if (fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) {
      size_ = static_cast<uint64_t>(status.st_size);
    }
  }

  // Bytes that were read and not yet used; empty: the end.
  absl::StatusOr<std::span<uint8_t>> Peek() {
    if (used_ == filled_) {
      ASSIGN_OR_RETURN(const size_t count, Fill(buffer_));
      used_ = 0;
      filled_ = count;
    }
    return std::span(buffer_).subspan(used_, filled_ - used_);
  }
  void Use(size_t count) { used_ += count; }

  // Whether the file begins with these bytes; only before anything was used.
  absl::StatusOr<bool> BeginsWith(std::span<const uint8_t> bytes) {
    // A pipe may give a byte at a time.
    while (filled_ < bytes.size()) {
      ASSIGN_OR_RETURN(const size_t count, Fill(std::span(buffer_).subspan(filled_)));
      if (count == 0) {
        return false;
      }
      filled_ += count;
    }
    return std::equal(bytes.begin(), bytes.end(), buffer_.begin());
  }

  const std::string& path() const { return path_; }
  uint64_t total() const { return total_ - (filled_ - used_); }
  uint64_t size() const { return size_; }

 private:
  // How many bytes came; 0: the end.
  absl::StatusOr<size_t> Fill(std::span<uint8_t> bytes) {
    while (true) {
      std::array<pollfd, 2> watched = {pollfd{descriptor_, POLLIN, 0},
                                       pollfd{stop_descriptor_, POLLIN, 0}};
      if (poll(watched.data(), watched.size(), -1) >= 0) {
        if (watched[1].revents != 0) {
          return absl::CancelledError(fmt::format("reading {} was interrupted", path_));
        }
        const ssize_t count = read(descriptor_, bytes.data(), bytes.size());
        if (count >= 0) {
          total_ += static_cast<uint64_t>(count);
          return static_cast<size_t>(count);
        }
      }
      if (errno != EINTR) {
        return ReadError(path_);
      }
    }
  }

  const FileDescriptor owned_;
  const int descriptor_;
  const int stop_descriptor_;
  const std::string path_;
  uint64_t size_ = 0;
  uint64_t total_ = 0;
  std::vector<uint8_t> buffer_;
  size_t used_ = 0;
  size_t filled_ = 0;
};

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(std::unique_ptr<StoredFile> file) : file_(std::move(file)) {}

  absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const absl::StatusOr<std::span<uint8_t>> there = file_->Peek();
      if (!there.ok() && done == 0) {
        return there.status();
      }
      if (!there.ok() || there->empty()) {
        break;  // a failure lasts: the next call tells it
      }
      const size_t count = std::min(there->size(), bytes.size() - done);
      std::copy_n(there->begin(), count, bytes.begin() + done);
      file_->Use(count);
      done += count;
    }
    offset_ += done;
    return done;
  }

  uint64_t offset() const override { return offset_; }
  bool is_gzip() const override { return false; }
  uint64_t stored_bytes_read() const override { return file_->total(); }
  uint64_t stored_bytes() const override { return file_->size(); }

 private:
  std::unique_ptr<StoredFile> file_;
  uint64_t offset_ = 0;
};

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<StoredFile> file) : file_(std::move(file)) {}
  ~GzipSource() override { inflateEnd(&stream_); }

  absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) override {
    // A failure is told when all that came before it has been given.
    if (!failure_.ok()) {
      return failure_;
    }
    stream_.next_out = bytes.data();
    stream_.avail_out = static_cast<uInt>(bytes.size());
    while (stream_.avail_out > 0 && failure_.ok()) {
      absl::StatusOr<std::span<uint8_t>> there = file_->Peek();
      if (!there.ok()) {
        failure_ = there.status();
      } else if (there->empty()) {
        if (in_member_) {
          failure_ = Damaged("the file ends inside its gzip data: it is incomplete");
        }
        break;
      } else {
        Inflate(*there);
      }
    }
    const size_t done = bytes.size() - stream_.avail_out;
    offset_ += done;
    if (done == 0 && !failure_.ok()) {
      return failure_;
    }
    return done;
  }

  uint64_t offset() const override { return offset_; }
  bool is_gzip() const override { return true; }
  uint64_t stored_bytes_read() const override { return file_->total(); }
  uint64_t stored_bytes() const override { return file_->size(); }

 private:
  void Inflate(std::span<uint8_t> there) {
    if (!in_member_) {
      // Once set up; later members only begin anew.
      const int begun =
          is_set_up_ ? inflateReset(&stream_) : inflateInit2(&stream_, kGzipWindowBits);
      if (begun != Z_OK) {
        failure_ = absl::ResourceExhaustedError(
            fmt::format("{}: no memory for unpacking gzip", file_->path()));
        return;
      }
      is_set_up_ = true;
      in_member_ = true;
    }
    stream_.next_in = there.data();
    stream_.avail_in = static_cast<uInt>(there.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    file_->Use(there.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {
      in_member_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      failure_ = Damaged(fmt::format("the gzip data is damaged ({})",
                                     stream_.msg == nullptr ? "no gzip" : stream_.msg));
    }
  }

  absl::Status Damaged(const std::string& what) const {
    return absl::DataLossError(fmt::format("{}: at byte {} as stored: {}; copy or pack it again",
                                           file_->path(), file_->total(), what));
  }

  std::unique_ptr<StoredFile> file_;
  z_stream stream_ = {};
  bool is_set_up_ = false;
  bool in_member_ = false;
  uint64_t offset_ = 0;
  absl::Status failure_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path,
                                                             int stop_descriptor) {
  const bool is_standard_input = path == "-";
  FileDescriptor file_descriptor(is_standard_input ? -1 : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!is_standard_input && !file_descriptor.is_open()) {
    return absl::NotFoundError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  auto file = std::make_unique<StoredFile>(std::move(file_descriptor), stop_descriptor,
                                           is_standard_input ? "standard input" : path);
  ASSIGN_OR_RETURN(const bool is_gzip, file->BeginsWith(kGzipMagic));
  if (is_gzip) {
    return std::make_unique<GzipSource>(std::move(file));
  }
  return std::make_unique<PlainSource>(std::move(file));
}

}  // namespace audio_latency::correlator
