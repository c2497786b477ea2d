package homeserver

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// handler answers one request: a value to be written as JSON with status 200,
// or an error, which becomes what a refusal says or else a 500.
type handler func(*Server, *request) (any, error)

// access says who may use a route.
type access uint8

const (
	anybody  access = iota // no token is looked at
	optional               // a token is looked at if there is one
	guests                 // any token
	users                  // no guests
)

// route is one line of the table of endpoints.
type route struct {
	method  string
	pattern string // below the version, {name} takes one segment
	access  access
	class   Class
	handle  handler
}

// router finds routes by their segments.
type router struct{ root *node }

// node is one segment of the tree of patterns. A literal child goes before
// the parameter.
type node struct {
	literal  map[string]*node
	param    *node
	handlers map[string]*leaf // by method
}

type leaf struct {
	route
	endpoint Class    // the route's own rate limit
	names    []string // of the parameters, in order
}

func newRouter(routes []route) *router {
	router := &router{root: &node{}}
	for _, r := range routes {
		router.add(r)
	}
	return router
}

func (t *router) add(r route) {
	at, names := t.root, []string(nil)
	for _, segment := range strings.Split(strings.TrimPrefix(r.pattern, "/"), "/") {
		if strings.HasPrefix(segment, "{") {
			names = append(names, strings.Trim(segment, "{}"))
			if at.param == nil {
				at.param = &node{}
			}
			at = at.param
			continue
		}
		if at.literal == nil {
			at.literal = make(map[string]*node)
		}
		if at.literal[segment] == nil {
			at.literal[segment] = &node{}
		}
		at = at.literal[segment]
	}
	if at.handlers == nil {
		at.handlers = make(map[string]*leaf)
	}
	at.handlers[r.method] = &leaf{route: r, endpoint: Class(r.method + " " + r.pattern), names: names}
}

// find follows segments and collects the values of parameters.
func (n *node) find(segments, values []string) (*node, []string) {
	if len(segments) == 0 {
		if n.handlers == nil {
			return nil, nil
		}
		return n, values
	}
	if next := n.literal[segments[0]]; next != nil {
		if found, all := next.find(segments[1:], values); found != nil {
			return found, all
		}
	}
	if n.param != nil && segments[0] != "" {
		return n.param.find(segments[1:], append(values, segments[0]))
	}
	return nil, nil
}

// versions of the client-server API under which the same endpoints are
// served: clients mix them, and nothing here differs between them.
var versions = map[string]bool{"r0": true, "v1": true, "v3": true, "unstable": true}

// clientPrefix is where the API begins; mediaPrefix that of the old media API.
const (
	clientPrefix = "/_matrix/client/"
	mediaPrefix  = "/_matrix/media/"
)

// route finds the handler of a request. Each segment is unescaped by itself,
// so an escaped slash is part of an ID and ".." is only a strange one.
func (t *router) route(r *http.Request) (*leaf, map[string]string, *refusal) {
	segments, ok := segments(r.URL.EscapedPath())
	if !ok {
		return nil, nil, invalidParam("the path is not UTF-8")
	}
	found, values := t.root.find(segments, nil)
	if found == nil {
		return nil, nil, unrecognized(http.StatusNotFound)
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	match := found.handlers[method]
	if match == nil {
		return nil, nil, unrecognized(http.StatusMethodNotAllowed)
	}
	params := make(map[string]string, len(values))
	for i, name := range match.names {
		params[name] = values[i]
	}
	return match, params, nil
}

// segments takes a path apart below its version. Paths outside of the
// versioned API keep their first segments: "versions", ".well-known", "media".
func segments(path string) ([]string, bool) {
	rest, client := strings.CutPrefix(path, clientPrefix)
	prefix := []string(nil)
	if !client {
		var media bool
		if rest, media = strings.CutPrefix(path, mediaPrefix); media {
			prefix = []string{"media"}
		} else {
			rest = strings.TrimPrefix(path, "/")
			prefix = []string{""}
		}
	}
	parts := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil || !utf8.ValidString(plain) || strings.ContainsRune(plain, 0) {
			return nil, false
		}
		parts[i] = plain
	}
	if (client || prefix[0] == "media") && len(parts) > 1 && versions[parts[0]] {
		parts = parts[1:]
	}
	return append(prefix, parts...), true
}
