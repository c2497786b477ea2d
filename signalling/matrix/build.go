//go:build !goolm

package matrix

// Without the tag mautrix would link libolm, a C library: say so in the
// compiler's own words.
var _ = this_package_needs_the_build_tag_goolm__try_go_build_tags_goolm
