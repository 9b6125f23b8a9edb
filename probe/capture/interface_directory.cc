#include "probe/capture/interface_directory.h"

namespace audio_latency::probe {

void InterfaceDirectory::Put(uint32_t index, const std::string& name, InterfaceRole role) {
  const std::lock_guard lock(mutex_);
  interfaces_[index] =
      std::make_shared<const Interface>(Interface{index, name, role, ++last_revision_});
}

void InterfaceDirectory::Refuse(uint32_t index, const RefusedInterface& refused) {
  const std::lock_guard lock(mutex_);
  refused_.insert_or_assign(index, refused);
}

void InterfaceDirectory::Allow(uint32_t index) {
  const std::lock_guard lock(mutex_);
  refused_.erase(index);
}

void InterfaceDirectory::Remove(uint32_t index) {
  const std::lock_guard lock(mutex_);
  interfaces_.erase(index);
}

std::shared_ptr<const Interface> InterfaceDirectory::Find(uint32_t index) const {
  const std::lock_guard lock(mutex_);
  const auto found = interfaces_.find(index);
  if (found != interfaces_.end()) {
    return found->second;
  }
  return std::make_shared<const Interface>(Interface{index, "", InterfaceRole::kUnspecified, 0});
}

size_t InterfaceDirectory::size() const {
  const std::lock_guard lock(mutex_);
  return interfaces_.size();
}

std::vector<std::shared_ptr<const Interface>> InterfaceDirectory::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Interface>> all;
  all.reserve(interfaces_.size());
  for (const auto& [index, link] : interfaces_) {
    all.push_back(link);
  }
  return all;
}

std::vector<RefusedInterface> InterfaceDirectory::Refused() const {
  const std::lock_guard lock(mutex_);
  std::vector<RefusedInterface> all;
  for (const auto& [index, refused] : refused_) {
    all.push_back(refused);
  }
  return all;
}

}  // namespace audio_latency::probe
