package homeserver

import (
	"net/http"

	"meshfocus/signalling/message"
)

// routes is the table of all endpoints. Patterns stand below the API version
// (r0, v1, v3 and unstable are one to us); those that begin with an empty
// segment are outside of /_matrix/client.
func routes() []route {
	const get, post, put, remove = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	const (
		transports = "/" + message.FeatureTransports + "/rtc/transports"
		delayed    = "/" + message.FeatureDelayedEvents + "/delayed_events"
	)
	return []route{
		// discovery.go
		{get, "/versions", anybody, ClassOther, (*Server).getVersions},
		{get, "//.well-known/matrix/client", anybody, ClassOther, (*Server).getWellKnown},
		{get, "/capabilities", guests, ClassOther, (*Server).getCapabilities},
		{get, "/voip/turnServer", guests, ClassTurn, (*Server).getTurnServer},
		{get, "/rtc/transports", guests, ClassTurn, (*Server).getTransports},
		{get, transports, guests, ClassTurn, (*Server).getTransports},

		// login.go, register.go
		{get, "/login", anybody, ClassLogin, (*Server).getLogin},
		{post, "/login", anybody, ClassLogin, (*Server).login},
		{post, "/login/get_token", users, ClassLogin, (*Server).getLoginToken},
		{post, "/logout", guests, ClassOther, (*Server).logout},
		{post, "/logout/all", guests, ClassOther, (*Server).logoutAll},
		{post, "/register", anybody, ClassRegister, (*Server).register},
		{get, "/register/available", anybody, ClassRegister, (*Server).available},
		{get, "/register/m.login.registration_token/validity", anybody, ClassRegister, (*Server).tokenValidity},

		// account.go, profile.go, accountdata.go, devices.go
		{get, "/account/whoami", guests, ClassOther, (*Server).whoami},
		{post, "/account/password", users, ClassLogin, (*Server).changePassword},
		{post, "/account/deactivate", users, ClassLogin, (*Server).deactivate},
		{get, "/account/3pid", users, ClassOther, (*Server).getThreepids},
		{get, "/profile/{user}", optional, ClassRead, (*Server).getProfile},
		{get, "/profile/{user}/{field}", optional, ClassRead, (*Server).getProfileField},
		{put, "/profile/{user}/{field}", guests, ClassOther, (*Server).putProfileField},
		{remove, "/profile/{user}/{field}", guests, ClassOther, (*Server).deleteProfileField},
		{post, "/user_directory/search", guests, ClassRead, (*Server).searchUsers},
		{get, "/devices", guests, ClassOther, (*Server).getDevices},
		{get, "/devices/{device}", guests, ClassOther, (*Server).getDevice},
		{put, "/devices/{device}", guests, ClassOther, (*Server).putDevice},
		{remove, "/devices/{device}", users, ClassOther, (*Server).deleteDevice},
		{post, "/delete_devices", users, ClassOther, (*Server).deleteDevices},
		{get, "/user/{user}/account_data/{type}", guests, ClassOther, (*Server).getAccountData},
		{put, "/user/{user}/account_data/{type}", guests, ClassOther, (*Server).putAccountData},
		{get, "/user/{user}/rooms/{room}/account_data/{type}", guests, ClassOther, (*Server).getAccountData},
		{put, "/user/{user}/rooms/{room}/account_data/{type}", guests, ClassOther, (*Server).putAccountData},
		{get, "/user/{user}/rooms/{room}/tags", guests, ClassOther, (*Server).getTags},
		{put, "/user/{user}/rooms/{room}/tags/{tag}", guests, ClassOther, (*Server).putTag},
		{remove, "/user/{user}/rooms/{room}/tags/{tag}", guests, ClassOther, (*Server).deleteTag},
		{post, "/user/{user}/filter", guests, ClassOther, (*Server).postFilter},
		{get, "/user/{user}/filter/{filter}", guests, ClassOther, (*Server).getFilter},
		{post, "/user/{user}/openid/request_token", guests, ClassOther, (*Server).openID},

		// create.go, membership.go, directory.go
		{post, "/createRoom", users, ClassCreate, (*Server).createRoom},
		{post, "/join/{room}", guests, ClassJoin, (*Server).join},
		{post, "/rooms/{room}/join", guests, ClassJoin, (*Server).join},
		{post, "/knock/{room}", guests, ClassJoin, (*Server).knock},
		{post, "/rooms/{room}/leave", guests, ClassJoin, (*Server).leaveRoom},
		{post, "/rooms/{room}/forget", guests, ClassJoin, (*Server).forget},
		{post, "/rooms/{room}/invite", users, ClassJoin, (*Server).invite},
		{post, "/rooms/{room}/kick", users, ClassJoin, (*Server).kick},
		{post, "/rooms/{room}/ban", users, ClassJoin, (*Server).ban},
		{post, "/rooms/{room}/unban", users, ClassJoin, (*Server).unban},
		{get, "/joined_rooms", guests, ClassRead, (*Server).joinedRooms},
		{get, "/directory/room/{alias}", anybody, ClassRead, (*Server).getAlias},
		{put, "/directory/room/{alias}", users, ClassOther, (*Server).putAlias},
		{remove, "/directory/room/{alias}", users, ClassOther, (*Server).deleteAlias},
		{get, "/directory/list/room/{room}", anybody, ClassRead, (*Server).getListed},
		{put, "/directory/list/room/{room}", users, ClassOther, (*Server).putListed},
		{get, "/rooms/{room}/aliases", guests, ClassRead, (*Server).getAliases},
		{get, "/publicRooms", anybody, ClassRead, (*Server).publicRooms},
		{post, "/publicRooms", guests, ClassRead, (*Server).publicRooms},

		// send.go, state.go, history.go
		{put, "/rooms/{room}/send/{type}/{txn}", guests, ClassMessage, (*Server).send},
		{put, "/rooms/{room}/redact/{event}/{txn}", guests, ClassMessage, (*Server).redact},
		{get, "/rooms/{room}/state", guests, ClassRead, (*Server).getState},
		{get, "/rooms/{room}/state/{type}", guests, ClassRead, (*Server).getStateEvent},
		{get, "/rooms/{room}/state/{type}/{key}", guests, ClassRead, (*Server).getStateEvent},
		{put, "/rooms/{room}/state/{type}", guests, ClassState, (*Server).putState},
		{put, "/rooms/{room}/state/{type}/{key}", guests, ClassState, (*Server).putState},
		{get, "/rooms/{room}/messages", guests, ClassRead, (*Server).getMessages},
		{get, "/rooms/{room}/event/{event}", guests, ClassRead, (*Server).getEvent},
		{get, "/rooms/{room}/context/{event}", guests, ClassRead, (*Server).getContext},
		{get, "/rooms/{room}/members", guests, ClassRead, (*Server).getMembers},
		{get, "/rooms/{room}/joined_members", guests, ClassRead, (*Server).joinedMembers},
		{get, "/rooms/{room}/relations/{event}", guests, ClassRead, (*Server).getRelations},
		{get, "/rooms/{room}/relations/{event}/{rel}", guests, ClassRead, (*Server).getRelations},
		{get, "/rooms/{room}/relations/{event}/{rel}/{type}", guests, ClassRead, (*Server).getRelations},
		{get, "/rooms/{room}/threads", guests, ClassRead, (*Server).getThreads},

		// sync.go, ephemeral.go
		{get, "/sync", guests, ClassSync, (*Server).sync},
		{put, "/rooms/{room}/typing/{user}", guests, ClassOther, (*Server).putTyping},
		{post, "/rooms/{room}/receipt/{type}/{event}", guests, ClassOther, (*Server).postReceipt},
		{post, "/rooms/{room}/read_markers", guests, ClassOther, (*Server).postReadMarkers},
		{get, "/presence/{user}/status", guests, ClassRead, (*Server).getPresence},
		{put, "/presence/{user}/status", guests, ClassOther, (*Server).putPresence},

		// todevice.go, keys.go, signatures.go
		{put, "/sendToDevice/{type}/{txn}", guests, ClassToDevice, (*Server).sendToDevice},
		{post, "/keys/upload", guests, ClassKeys, (*Server).uploadKeys},
		{post, "/keys/upload/{device}", guests, ClassKeys, (*Server).uploadKeys},
		{post, "/keys/query", guests, ClassKeys, (*Server).queryKeys},
		{post, "/keys/claim", guests, ClassKeys, (*Server).claimKeys},
		{get, "/keys/changes", guests, ClassKeys, (*Server).keyChanges},
		{post, "/keys/signatures/upload", users, ClassKeys, (*Server).uploadSignatures},
		{post, "/keys/device_signing/upload", users, ClassKeys, (*Server).uploadCrossKeys},

		// delayed.go
		{get, delayed, guests, ClassDelayed, (*Server).listDelayed},
		{get, delayed + "/{delay}", guests, ClassDelayed, (*Server).getDelayed},
		{post, delayed + "/{delay}", optional, ClassDelayed, (*Server).manageDelayed},
		{post, delayed + "/{delay}/{action}", optional, ClassDelayed, (*Server).manageDelayed},

		// pushrules.go, absent.go
		{get, "/pushrules", guests, ClassOther, (*Server).getPushRules},
		{get, "/pushrules/{scope}", guests, ClassOther, (*Server).getPushRules},
		{get, "/pushrules/{scope}/{kind}/{rule}", guests, ClassOther, (*Server).getPushRule},
		{put, "/pushrules/{scope}/{kind}/{rule}", guests, ClassOther, (*Server).putPushRule},
		{remove, "/pushrules/{scope}/{kind}/{rule}", guests, ClassOther, (*Server).deletePushRule},
		{get, "/pushrules/{scope}/{kind}/{rule}/enabled", guests, ClassOther, (*Server).getPushRule},
		{put, "/pushrules/{scope}/{kind}/{rule}/enabled", guests, ClassOther, (*Server).setPushRule},
		{get, "/pushrules/{scope}/{kind}/{rule}/actions", guests, ClassOther, (*Server).getPushRule},
		{put, "/pushrules/{scope}/{kind}/{rule}/actions", guests, ClassOther, (*Server).setPushRule},
		{get, "/pushers", guests, ClassOther, (*Server).getPushers},
		{post, "/pushers/set", users, ClassOther, (*Server).setPusher},
		{get, "/notifications", users, ClassOther, (*Server).getNotifications},
		{get, "/room_keys/version", guests, ClassOther, (*Server).noBackup},
		{get, "/room_keys/version/{version}", guests, ClassOther, (*Server).noBackup},
		{get, "/thirdparty/protocols", guests, ClassOther, (*Server).getProtocols},
		{get, "/media/config", guests, ClassOther, (*Server).getMediaConfig},
		{post, "/media/upload", guests, ClassOther, (*Server).refuseUpload},
		{get, "/media/download/{server}/{media}", guests, ClassOther, (*Server).noMedia},
		{get, "/media/download/{server}/{media}/{name}", guests, ClassOther, (*Server).noMedia},
		{get, "/media/thumbnail/{server}/{media}", guests, ClassOther, (*Server).noMedia},
		{get, "/media/preview_url", guests, ClassOther, (*Server).noMedia},
	}
}
