// Package lib is the call library of the browser: a full-mesh participant as
// plain JavaScript modules (README.md). It is not the page, and knows none.
//
// In Go it holds tests only: they run the pure modules under Node, the type
// checker, and calls in a headless Chromium.
package lib
