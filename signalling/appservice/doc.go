// Package appservice makes devices for guests on a homeserver that is not
// ours, where its operator has registered meshfocus as an application service.
//
// It issues and takes back; it does not sync, encrypt or call. Nothing is
// pushed to us (the registration has no URL): every guest's device follows the
// room by itself, as signalling/matrix does for any account. So neither
// transactions (Application Service API, pushing events) nor to-device
// messages in them (MSC4203) are needed, and hs_token is only there because a
// registration must have one.
//
// # How it is driven
//
// Registration writes what the operator gives to the homeserver. Open asks the
// homeserver who we are; Issue, Bring, CreateRoom and Retire do a few requests
// each and may be called from any goroutine. Nothing runs in between.
//
// A device comes from an ordinary login with m.login.application_service
// (Application Service API, server admin style permissions), which gives it a
// token of its own. Where logins are not had, as behind
// matrix-authentication-service, it is made by PUT /devices (MSC4190) and
// spoken for with our own token and the names of user and device (MSC4326):
// then Credentials carry a Transport that adds them.
package appservice
