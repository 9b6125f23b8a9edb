#include "correlator/query/latency_service.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "correlator/query/loss.h"
#include "correlator/query/matches_to_proto.h"
#include "correlator/query/query_limits.h"
#include "correlator/query/snapshots_to_proto.h"
#include "correlator/query/watchers.h"

namespace audio_latency::correlator {
namespace {

using grpc::ServerContext;
using grpc::ServerWriter;
using grpc::Status;
using grpc::StatusCode;

constexpr size_t kMostTraces = 100;

Status CheckWindow(uint32_t window_seconds) {
  if (IsWindow(window_seconds)) {
    return Status::OK;
  }
  return {StatusCode::INVALID_ARGUMENT,
          fmt::format("window_seconds is {}: use {} to {}, or 0 for all since the start",
                      window_seconds, kLeastWindowSeconds, kMostWindowSeconds)};
}

std::optional<uint64_t> ParseSignature(std::string_view text) {
  constexpr size_t kMostDigits = 16;
  constexpr int kHexadecimal = 16;
  uint64_t signature = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), signature, kHexadecimal);
  if (text.size() > kMostDigits || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return signature;
}

// The nodes that an answer touches. Where one of them is not known it may be any.
struct NodeNames {
  void Add(const std::string& name) {
    if (name.empty()) {
      is_incomplete = true;
    } else {
      names.insert(name);
    }
  }
  // For AddClocks: empty means all.
  std::set<std::string> all() const { return is_incomplete ? std::set<std::string>() : names; }

  std::set<std::string> names;
  bool is_incomplete = false;
};

class SnapshotQueryService final : public LatencyQueryService {
 public:
  SnapshotQueryService(const QuerySources& sources, int max_watchers)
      : sources_(sources), watchers_(max_watchers) {}

  void StopWatchers() override { watchers_.Stop(); }

  Status ListPaths(ServerContext* /*context*/, const v1::ListPathsRequest* request,
                   v1::ListPathsResponse* response) override {
    if (Status status = CheckWindow(request->window_seconds()); !status.ok()) {
      return status;
    }
    FillPaths(request->through(), request->window_seconds(), response);
    return Status::OK;
  }

  Status GetPath(ServerContext* /*context*/, const v1::GetPathRequest* request,
                 v1::GetPathResponse* response) override {
    if (Status status = CheckWindow(request->window_seconds()); !status.ok()) {
      return status;
    }
    if (request->path().empty()) {
      return {StatusCode::INVALID_ARGUMENT,
              "path is empty: name one, as in \"ingress > processor > egress\""};
    }
    for (const PathSnapshot& path : sources_.paths.Paths(request->window_seconds())) {
      if (path.path == request->path()) {
        const std::vector<HopSnapshot> hops = sources_.paths.Hops(0);
        const std::vector<NodeSnapshot> nodes = sources_.nodes.Nodes();
        FillPath(path, hops, MakeLosses(nodes), response->mutable_path());
        const std::vector<std::string> names = NodesOf(path, hops);
        AddClocks(nodes, {names.begin(), names.end()}, response->mutable_clocks());
        return Status::OK;
      }
    }
    return {StatusCode::NOT_FOUND,
            fmt::format("path \"{}\" was not seen; the list of paths tells those that were",
                        request->path())};
  }

  Status ListHops(ServerContext* /*context*/, const v1::ListHopsRequest* request,
                  v1::ListHopsResponse* response) override {
    if (Status status = CheckWindow(request->window_seconds()); !status.ok()) {
      return status;
    }
    const std::vector<NodeSnapshot> nodes = sources_.nodes.Nodes();
    const Losses losses = MakeLosses(nodes);
    NodeNames names;
    for (const HopSnapshot& hop : sources_.paths.Hops(request->window_seconds())) {
      if (request->through().empty() || GoesThrough(hop, request->through())) {
        v1::Hop* const message = response->add_hops();
        ToProto(hop, message);
        FillLosses(losses, NodesOf(hop), message);
        names.Add(hop.source.node);
        names.Add(hop.destination.node);
      }
    }
    AddClocks(nodes, names.all(), response->mutable_clocks());
    return Status::OK;
  }

  Status WatchPaths(ServerContext* context, const v1::WatchPathsRequest* request,
                    ServerWriter<v1::WatchPathsResponse>* writer) override {
    if (Status status = CheckWindow(request->window_seconds()); !status.ok()) {
      return status;
    }
    const uint32_t interval_ms =
        request->interval_ms() == 0 ? kDefaultIntervalMs : request->interval_ms();
    if (interval_ms < kLeastIntervalMs || interval_ms > kMostIntervalMs) {
      return {StatusCode::INVALID_ARGUMENT,
              fmt::format("interval_ms is {}: use {} to {}, or 0 for {}", interval_ms,
                          kLeastIntervalMs, kMostIntervalMs, kDefaultIntervalMs)};
    }
    const Watchers::Place place(&watchers_);
    if (!place.granted()) {
      return TooManyWatchers();
    }
    do {
      v1::WatchPathsResponse response;
      FillPaths(request->through(), request->window_seconds(), &response);
      if (!writer->Write(response)) {
        return Status::CANCELLED;
      }
    } while (watchers_.Wait(std::chrono::milliseconds(interval_ms), *context));
    return WatchEnd();
  }

  Status TraceSignature(ServerContext* /*context*/, const v1::TraceSignatureRequest* request,
                        v1::TraceSignatureResponse* response) override {
    if (!request->signature().empty() && !request->path().empty()) {
      return {StatusCode::INVALID_ARGUMENT,
              "signature and path are both given: a signature alone says which audio is meant"};
    }
    std::vector<Match> matches;
    if (request->signature().empty()) {
      if (std::optional<Match> newest = sources_.paths.Newest(request->path())) {
        matches.push_back(*std::move(newest));
      }
    } else {
      const std::optional<uint64_t> signature = ParseSignature(request->signature());
      if (!signature.has_value()) {
        return {StatusCode::INVALID_ARGUMENT,
                fmt::format("signature \"{}\": write up to 16 hexadecimal digits",
                            request->signature())};
      }
      matches = sources_.paths.Find(*signature);
    }
    if (matches.empty()) {
      return NoMatch(*request);
    }
    matches.resize(std::min(matches.size(), kMostTraces));
    NodeNames names;
    const std::vector<NodeSnapshot> nodes = sources_.nodes.Nodes();
    const TraceWriter writer = MakeTraceWriter(nodes);
    const Losses losses = MakeLosses(nodes);
    for (const Match& match : matches) {
      v1::Trace* const trace = response->add_traces();
      writer.Write(match, trace);
      FillLosses(losses, trace);
    }
    for (const v1::Trace& trace : response->traces()) {
      for (const v1::TracePoint& point : trace.points()) {
        names.Add(point.node());
      }
    }
    AddClocks(nodes, names.all(), response->mutable_clocks());
    return Status::OK;
  }

  Status WatchMatches(ServerContext* context, const v1::WatchMatchesRequest* /*request*/,
                      ServerWriter<v1::WatchMatchesResponse>* writer) override {
    const Watchers::Place place(&watchers_);
    if (!place.granted()) {
      return TooManyWatchers();
    }
    const std::unique_ptr<MatchSubscription> subscription = sources_.paths.Subscribe();
    while (!watchers_.stopped() && !context->IsCancelled()) {
      std::vector<Match> matches;
      uint64_t skipped = 0;
      if (!subscription->Next(static_cast<int>(kCancelCheckInterval.count()), &matches, &skipped)) {
        break;
      }
      if (!WriteMatches(matches, skipped, writer)) {
        return Status::CANCELLED;
      }
    }
    return WatchEnd();
  }

  Status ListNodes(ServerContext* /*context*/, const v1::ListNodesRequest* /*request*/,
                   v1::ListNodesResponse* response) override {
    for (const NodeSnapshot& node : sources_.nodes.Nodes()) {
      ToProto(node, response->add_nodes());
    }
    return Status::OK;
  }

 private:
  // Into a ListPathsResponse or a WatchPathsResponse.
  template <typename Response>
  void FillPaths(const std::string& through, uint32_t window_seconds, Response* response) const {
    const std::vector<HopSnapshot> hops = sources_.paths.Hops(0);
    // Once an answer: a snapshot takes every node's lock.
    const std::vector<NodeSnapshot> nodes = sources_.nodes.Nodes();
    const Losses losses = MakeLosses(nodes);
    NodeNames names;
    for (const PathSnapshot& path : sources_.paths.Paths(window_seconds)) {
      if (through.empty() || GoesThrough(path, through, hops)) {
        FillPath(path, hops, losses, response->add_paths());
        const std::vector<std::string> of_path = NodesOf(path, hops);
        std::for_each(of_path.begin(), of_path.end(),
                      [&names](const std::string& name) { names.Add(name); });
        names.is_incomplete |= of_path.empty();
      }
    }
    AddClocks(nodes, names.all(), response->mutable_clocks());
  }

  Losses MakeLosses(const std::vector<NodeSnapshot>& nodes) const {
    return {nodes, sources_.paths, sources_.matching, sources_.load};
  }

  // Where nothing is known of the nodes, any of them may have lost some of it.
  static void FillLosses(const Losses& losses, const std::vector<std::string>& nodes,
                         v1::Hop* message) {
    message->set_lost_share(losses.Share(nodes));
    message->set_sampling_share(losses.sampling_share());
  }

  static void FillPath(const PathSnapshot& path, const std::vector<HopSnapshot>& hops,
                       const Losses& losses, v1::Path* message) {
    const std::vector<std::string> nodes = NodesOf(path, hops);
    ToProto(path, losses.Share(nodes), message);
    message->set_sampling_share(losses.sampling_share());
    for (int i = 0; i < message->hops_size(); ++i) {
      const std::vector<std::string> of_hop = NodesOf(path.hops[static_cast<size_t>(i)]);
      FillLosses(losses, of_hop.empty() ? nodes : of_hop, message->mutable_hops(i));
    }
  }

  static void FillLosses(const Losses& losses, v1::Trace* trace) {
    std::set<std::string> nodes;
    for (const v1::TracePoint& point : trace->points()) {
      nodes.insert(point.node());
    }
    trace->set_lost_share(losses.Share({nodes.begin(), nodes.end()}));
  }

  TraceWriter MakeTraceWriter(const std::vector<NodeSnapshot>& nodes) const {
    return {sources_.flows, nodes, sources_.realtime.NowNs() - sources_.monotonic.NowNs()};
  }

  // In messages of at most kMostTraces, the first of which tells what was skipped before. False:
  // the caller is gone.
  bool WriteMatches(std::span<const Match> matches, uint64_t skipped,
                    ServerWriter<v1::WatchMatchesResponse>* writer) const {
    while (!matches.empty() || skipped > 0) {
      v1::WatchMatchesResponse response;
      const size_t count = std::min(matches.size(), kMostTraces);
      const std::vector<NodeSnapshot> nodes = sources_.nodes.Nodes();
      const TraceWriter trace_writer = MakeTraceWriter(nodes);
      const Losses losses = MakeLosses(nodes);
      for (const Match& match : matches.first(count)) {
        v1::Trace* const trace = response.add_traces();
        trace_writer.Write(match, trace);
        FillLosses(losses, trace);
      }
      response.set_skipped(static_cast<double>(std::exchange(skipped, 0)));
      matches = matches.subspan(count);
      if (!writer->Write(response)) {
        return false;
      }
    }
    return true;
  }

  static Status NoMatch(const v1::TraceSignatureRequest& request) {
    if (!request.signature().empty()) {
      return {StatusCode::NOT_FOUND,
              fmt::format("signature {} was not matched lately; only the newest matches are kept",
                          request.signature())};
    }
    if (!request.path().empty()) {
      return {StatusCode::NOT_FOUND,
              fmt::format("no match of path \"{}\" is known; the list of paths tells their names",
                          request.path())};
    }
    return {StatusCode::NOT_FOUND,
            "no match yet; the list of nodes tells whether probes send anything"};
  }

  Status TooManyWatchers() const {
    return {StatusCode::RESOURCE_EXHAUSTED,
            fmt::format("{} callers watch already, which is the most; try again later",
                        watchers_.most())};
  }

  Status WatchEnd() const {
    return watchers_.stopped() ? Status(StatusCode::UNAVAILABLE, "the correlator is shutting down")
                               : Status::CANCELLED;
  }

  const QuerySources sources_;
  Watchers watchers_;
};

}  // namespace

std::unique_ptr<LatencyQueryService> MakeLatencyService(const QuerySources& sources,
                                                        int max_watchers) {
  return std::make_unique<SnapshotQueryService>(sources, max_watchers);
}

void EnableHealthAndReflection() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
}

}  // namespace audio_latency::correlator
