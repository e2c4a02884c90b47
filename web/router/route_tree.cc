#include "web/router/route_tree.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "web/router/route_pattern.h"

namespace fluxor::web {

using Kind = RoutePattern::Segment::Kind;

// The tree while it grows: nodes own their text and are split where patterns part.
class RouteTreeBuilder {
 public:
  runtime::Result<void, RouteError> add(const Route& route) {
    auto pattern = RoutePattern::parse(route.pattern);
    if (!pattern) return RouteError{.reason = RouteErrc::bad_pattern, .text = std::move(pattern.error().text)};
    if (route.method == Method::connect || route.method == Method::other) {
      return RouteError{.reason = RouteErrc::unroutable_method,
                        .text = describe(route.method, pattern->text()) + ": this method is never routed"};
    }
    auto& slot = slot_of(*pattern);
    for (const auto& other : slot) {
      if (other.method != route.method) continue;
      return RouteError{.reason = RouteErrc::conflict,
                        .text = describe(other.method, other.pattern.text()) + " and " +
                                describe(route.method, pattern->text()) + " take the same requests"};
    }
    slot.push_back({.method = route.method, .handler = route.handler, .pattern = std::move(*pattern)});
    return {};
  }

  // Breadth first, so that the children of a node lie side by side.
  RouteTree finish() && {
    RouteTree tree;
    tree.methods_.insert(Method::options);
    std::vector<std::size_t> order{0};
    for (std::size_t i = 0; i < order.size(); ++i) {
      auto& draft = drafts_[order[i]];
      RouteTree::Node node;
      node.text = index(tree.text_.size());
      node.text_size = index(draft.text.size());
      tree.text_.insert(tree.text_.end(), draft.text.begin(), draft.text.end());
      std::ranges::sort(draft.children, {}, [this](std::size_t child) { return drafts_[child].text.front(); });
      node.first_byte = index(tree.first_bytes_.size());
      node.first_child = index(order.size());
      node.child_count = static_cast<std::uint16_t>(draft.children.size());
      for (const auto child : draft.children) {
        tree.first_bytes_.push_back(drafts_[child].text.front());
        order.push_back(child);
      }
      if (draft.param != 0) {
        node.param = index(order.size());
        order.push_back(draft.param);
      }
      node.leaf = add_leaf(tree, draft.ends_here);
      node.rest = add_leaf(tree, draft.rest_begins_here);
      tree.nodes_.push_back(node);
    }
    return tree;
  }

 private:
  struct Entry {
    Method method;
    std::uint32_t handler;
    RoutePattern pattern;
  };

  struct Draft {
    std::string text;
    std::vector<std::size_t> children;  // into drafts_; their texts begin with different bytes
    std::size_t param = 0;              // into drafts_; 0, the root, is nobody's child
    std::vector<Entry> ends_here;
    std::vector<Entry> rest_begins_here;
  };

  static std::string describe(Method method, const std::string& pattern) {
    return std::string(method_name(method)) + " \"" + pattern + "\"";
  }

  static std::uint32_t index(std::size_t size) { return static_cast<std::uint32_t>(size); }

  // Where the routes of this shape are collected.
  std::vector<Entry>& slot_of(const RoutePattern& pattern) {
    std::size_t at = 0;
    std::string literal;  // what has to come after `at`
    bool is_first = true;
    for (const auto& segment : pattern.segments()) {
      if (!is_first) literal += '/';
      is_first = false;
      if (segment.kind == Kind::literal) {
        literal += segment.text;
        continue;
      }
      at = descend(at, literal);
      literal.clear();
      if (segment.kind == Kind::rest) return drafts_[at].rest_begins_here;
      if (drafts_[at].param == 0) {
        const auto param = drafts_.size();
        drafts_.emplace_back();
        drafts_[at].param = param;
      }
      at = drafts_[at].param;
    }
    return drafts_[descend(at, literal)].ends_here;
  }

  // The node exactly `text` behind `at`.
  std::size_t descend(std::size_t at, std::string_view text) {
    while (!text.empty()) {
      const auto& children = drafts_[at].children;
      const auto found = std::ranges::find(children, text.front(), [this](auto i) { return drafts_[i].text.front(); });
      if (found == children.end()) {
        const auto child = drafts_.size();
        drafts_[at].children.push_back(child);
        drafts_.push_back(
            {.text = std::string(text), .children = {}, .param = 0, .ends_here = {}, .rest_begins_here = {}});
        return child;
      }
      at = *found;
      const auto& own = drafts_[at].text;
      const auto common = static_cast<std::size_t>(std::ranges::mismatch(own, text).in1 - own.begin());
      if (common < own.size()) split(at, common);
      text.remove_prefix(common);
    }
    return at;
  }

  // Keeps the first `size` bytes in the node; the others move into a child, with all that followed.
  void split(std::size_t at, std::size_t size) {
    Draft tail = std::move(drafts_[at]);
    drafts_[at] = Draft{.text = tail.text.substr(0, size),
                        .children = {drafts_.size()},
                        .param = 0,
                        .ends_here = {},
                        .rest_begins_here = {}};
    tail.text.erase(0, size);
    drafts_.push_back(std::move(tail));
  }

  static std::uint32_t add_leaf(RouteTree& tree, const std::vector<Entry>& entries) {
    if (entries.empty()) return RouteTree::kNone;
    RouteTree::Leaf leaf;
    leaf.first_route = index(tree.routes_.size());
    for (const auto& entry : entries) {
      RouteTree::LeafRoute route;
      route.method = entry.method;
      route.handler = entry.handler;
      route.first_name = index(tree.names_.size());
      for (const auto& segment : entry.pattern.segments()) {
        if (segment.kind != Kind::literal) tree.names_.push_back(segment.text);
      }
      route.name_count = static_cast<std::uint8_t>(tree.names_.size() - route.first_name);
      tree.routes_.push_back(route);
      leaf.methods.insert(route.method);
    }
    if (leaf.methods.contains(Method::get) && !leaf.methods.contains(Method::head)) {
      auto head = tree.route_of(leaf, Method::get);
      head.method = Method::head;
      tree.routes_.push_back(head);
      leaf.methods.insert(Method::head);
    }
    tree.methods_.insert(leaf.methods);
    tree.leaves_.push_back(leaf);
    return index(tree.leaves_.size() - 1);
  }

  std::vector<Draft> drafts_ =
      std::vector<Draft>(1, Draft{.text = "/", .children = {}, .param = 0, .ends_here = {}, .rest_begins_here = {}});
};

runtime::Result<RouteTree, RouteError> RouteTree::build(std::span<const Route> routes) {
  RouteTreeBuilder builder;
  for (const auto& route : routes) {
    if (auto added = builder.add(route); !added) return added.error();
  }
  return std::move(builder).finish();
}

std::uint32_t RouteTree::literal_child(const Node& node, std::string_view rest_of_path) const noexcept {
  const char* const first_bytes = first_bytes_.data() + node.first_byte;
  for (std::uint32_t k = 0; k < node.child_count; ++k) {
    if (first_bytes[k] != rest_of_path.front()) continue;
    const auto child = node.first_child + k;
    const std::string_view text(text_.data() + nodes_[child].text, nodes_[child].text_size);
    return rest_of_path.starts_with(text) ? child : kNone;
  }
  return kNone;
}

const RouteTree::LeafRoute& RouteTree::route_of(const Leaf& leaf, Method method) const noexcept {
  std::uint32_t i = leaf.first_route;
  while (routes_[i].method != method) ++i;
  return routes_[i];
}

RouteMatch RouteTree::match(Method method, std::string_view path) const noexcept {
  if (!path.starts_with('/')) return {};

  // What to try at a node, in the order of preference.
  enum class Way : std::uint8_t { literal, param, rest };
  // A place where less preferred ways are left.  They lie at different segments of the path that led here, so
  // kSegmentsMax of them are enough.
  struct Fork {
    std::uint32_t node;
    std::uint32_t at;
    std::uint8_t value_count;
    Way way;
  };
  std::array<Fork, kSegmentsMax> forks;
  std::size_t fork_count = 0;

  std::array<std::string_view, kParamsMax> values;
  std::uint8_t value_count = 0;
  std::uint32_t at = 1;  // bytes of the path already matched
  std::uint32_t here = 0;
  Way way = Way::literal;
  MethodSet allowed;

  const auto found = [&](const Leaf& leaf) {
    const auto& route = route_of(leaf, method);
    return RouteMatch{.outcome = RouteMatch::Outcome::found,
                      .allowed = {},
                      .handler = route.handler,
                      .params = RouteParams(names_.data() + route.first_name, values, route.name_count)};
  };

  for (;;) {
    const Node& node = nodes_[here];
    const auto rest_of_path = path.substr(at);
    if (way == Way::literal) {
      if (rest_of_path.empty()) {
        if (node.leaf != kNone) {
          const Leaf& leaf = leaves_[node.leaf];
          if (leaf.methods.contains(method)) return found(leaf);
          allowed.insert(leaf.methods);
        }
        way = Way::rest;  // which may be empty; a param may not
      } else if (const auto child = literal_child(node, rest_of_path); child != kNone) {
        if (node.param != kNone || node.rest != kNone) {
          forks[fork_count++] = {.node = here, .at = at, .value_count = value_count, .way = Way::param};
        }
        here = child;
        at += nodes_[child].text_size;
        continue;
      } else {
        way = Way::param;
      }
    }
    if (way == Way::param && node.param != kNone && rest_of_path.front() != '/') {
      if (node.rest != kNone) {
        forks[fork_count++] = {.node = here, .at = at, .value_count = value_count, .way = Way::rest};
      }
      const auto segment = rest_of_path.substr(0, rest_of_path.find('/'));
      values[value_count++] = segment;
      here = node.param;
      at += static_cast<std::uint32_t>(segment.size());
      way = Way::literal;
      continue;
    }
    if (node.rest != kNone) {
      const Leaf& leaf = leaves_[node.rest];
      if (leaf.methods.contains(method)) {
        values[value_count] = rest_of_path;
        return found(leaf);
      }
      allowed.insert(leaf.methods);
    }

    if (fork_count == 0) break;
    const Fork& fork = forks[--fork_count];
    here = fork.node;
    at = fork.at;
    value_count = fork.value_count;
    way = fork.way;
  }

  RouteMatch refused;
  if (!allowed.empty()) {
    allowed.insert(Method::options);
    refused.outcome = RouteMatch::Outcome::method_not_allowed;
    refused.allowed = allowed;
  }
  return refused;
}

}  // namespace fluxor::web
