package homeserver

import (
	"testing"
)

func deviceKeys(c *caller) obj {
	return obj{
		"user_id": c.id, "device_id": c.device, "algorithms": []string{"m.olm.v1"},
		"keys": obj{"ed25519:" + c.device: "key of " + c.device}, "signatures": obj{},
	}
}

func TestKeys_AreQueriedByUserAndDevice(t *testing.T) {
	a := newAPI(t, Config{})
	phone, laptop, bob := a.deviceOf("alice", "PHONE"), a.deviceOf("alice", "LAPTOP"), a.user("bob")
	phone.do("POST", "keys/upload", obj{"device_keys": deviceKeys(phone)}).ok().is("0", "one_time_key_counts", algorithmOlm)
	laptop.do("POST", "keys/upload", obj{"device_keys": deviceKeys(laptop)}).ok()
	phone.do("PUT", "devices/PHONE", obj{"display_name": "In the pocket"}).ok()
	ask := func(devices ...string) reply {
		return bob.do("POST", "keys/query", obj{"device_keys": obj{"@alice:hs": devices, "@nobody:hs": []string{}}}).ok()
	}
	all := ask()
	all.is(`"key of PHONE"`, "device_keys", "@alice:hs", "PHONE", "keys", "ed25519:PHONE")
	all.is(`"In the pocket"`, "device_keys", "@alice:hs", "PHONE", "unsigned", "device_display_name")
	all.is(`"key of LAPTOP"`, "device_keys", "@alice:hs", "LAPTOP", "keys", "ed25519:LAPTOP")
	ask("LAPTOP").is("null", "device_keys", "@alice:hs", "PHONE")
	phone.do("POST", "logout", nil).ok()
	ask().is("null", "device_keys", "@alice:hs", "PHONE")
}

func TestKeys_AreClaimedOnceAndThenFallBack(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	upload := func(body obj) reply { return alice.do("POST", "keys/upload", body) }
	upload(obj{"one_time_keys": obj{
		"signed_curve25519:AAAAAQ": obj{"key": "1"}, "signed_curve25519:AAAAAg": obj{"key": "2"},
	}}).ok().is("2", "one_time_key_counts", algorithmOlm)
	upload(obj{"one_time_keys": obj{"signed_curve25519:AAAAAQ": obj{"key": "1"}}}).ok().is("2", "one_time_key_counts", algorithmOlm)
	upload(obj{"one_time_keys": obj{"signed_curve25519:AAAAAQ": obj{"key": "other"}}}).refused(400, codeInvalidParam)
	upload(obj{"fallback_keys": obj{"signed_curve25519:FALL": obj{"key": "f", "fallback": true}}}).ok()
	first := alice.sync("").is(`["signed_curve25519"]`, "device_unused_fallback_key_types")
	first.is("2", "device_one_time_keys_count", algorithmOlm)

	claim := func() string {
		r := bob.do("POST", "keys/claim", obj{"one_time_keys": obj{"@alice:hs": obj{"ALICE": algorithmOlm, "NONE": algorithmOlm}}}).ok()
		return asJSON(r.at("one_time_keys"))
	}
	for _, want := range []string{
		`{"@alice:hs":{"ALICE":{"signed_curve25519:AAAAAQ":{"key":"1"}}}}`,
		`{"@alice:hs":{"ALICE":{"signed_curve25519:AAAAAg":{"key":"2"}}}}`,
		`{"@alice:hs":{"ALICE":{"signed_curve25519:FALL":{"fallback":true,"key":"f"}}}}`,
		`{"@alice:hs":{"ALICE":{"signed_curve25519:FALL":{"fallback":true,"key":"f"}}}}`,
	} {
		if got := claim(); got != want {
			t.Errorf("claimed %s, want %s", got, want)
		}
	}
	used := alice.sync(first.text("next_batch"))
	used.is("0", "device_one_time_keys_count", algorithmOlm).is("[]", "device_unused_fallback_key_types")
	upload(obj{"fallback_keys": obj{"signed_curve25519:NEXT": obj{"key": "n"}}}).ok()
	alice.sync("").is(`["signed_curve25519"]`, "device_unused_fallback_key_types")
}

func TestDeviceLists_TellWhoMeetsWhom(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob, carol := a.user("alice"), a.user("bob"), a.user("carol")
	tea := alice.room(nil)
	coffee := alice.room(nil)
	since := alice.now()
	lists := func(name, changed, left string) {
		t.Helper()
		r := alice.sync(since)
		if changed == "[]" && left == "[]" {
			r.is("null", "device_lists")
		} else {
			r.is(changed, "device_lists", "changed").is(left, "device_lists", "left")
		}
		alice.do("GET", "keys/changes?from="+since+"&to="+r.text("next_batch"), nil).ok().is(changed, "changed").is(left, "left")
		if t.Failed() {
			t.Fatal(name)
		}
		since = r.text("next_batch")
	}
	carol.do("POST", "keys/upload", obj{"device_keys": deviceKeys(carol)}).ok()
	lists("a stranger's keys", `[]`, `[]`)
	bob.join(tea)
	lists("bob comes", `["@bob:hs"]`, `[]`)
	bob.join(coffee)
	bob.do("POST", "keys/upload", obj{"device_keys": deviceKeys(bob)}).ok()
	lists("bob has keys", `["@bob:hs"]`, `[]`)
	bob.do("POST", "keys/upload", obj{"device_keys": deviceKeys(bob)}).ok()
	lists("bob has the same keys", `[]`, `[]`)
	bob.do("POST", in(tea, "leave"), obj{}).ok()
	lists("bob leaves one of two", `[]`, `[]`)
	bob.do("POST", in(coffee, "leave"), obj{}).ok()
	lists("bob leaves the last", `[]`, `["@bob:hs"]`)
	alice.do("POST", "keys/upload", obj{"device_keys": deviceKeys(alice)}).ok()
	lists("own keys", `["@alice:hs"]`, `[]`)

	carols := carol.room(nil)
	bob.join(carols)
	alice.join(carols)
	lists("alice comes to others", `["@bob:hs","@carol:hs"]`, `[]`)
	alice.do("POST", in(carols, "leave"), obj{}).ok()
	lists("alice leaves them", `[]`, `["@bob:hs","@carol:hs"]`)
}

func crossKeyOf(user, usage, public string) obj {
	return obj{"user_id": user, "usage": []string{usage}, "keys": obj{"ed25519:" + public: public}}
}

func TestCrossSigning_IsReplacedWithThePasswordOnly(t *testing.T) {
	a := newAPI(t, Config{})
	if err := a.server.EnsureUser("alice", "secret"); err != nil {
		t.Fatal(err)
	}
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	since := bob.join(room).now()
	first := obj{
		"master_key":       crossKeyOf("@alice:hs", "master", "M1"),
		"self_signing_key": crossKeyOf("@alice:hs", "self_signing", "S1"),
		"user_signing_key": crossKeyOf("@alice:hs", "user_signing", "U1"),
	}
	alice.do("POST", "keys/device_signing/upload", first).ok()
	alice.do("POST", "keys/device_signing/upload", first).ok()
	bob.sync(since).is(`["@alice:hs"]`, "device_lists", "changed")
	second := obj{"master_key": crossKeyOf("@alice:hs", "master", "M2")}
	answerUIA(alice, "POST", "keys/device_signing/upload", stagePassword, second, obj{"user": "alice", "password": "guess"}).refused(401, codeForbidden)
	answerUIA(alice, "POST", "keys/device_signing/upload", stagePassword, second, obj{"user": "alice", "password": "secret"}).ok()

	query := obj{"device_keys": obj{"@alice:hs": []string{}}}
	own, others := alice.do("POST", "keys/query", query).ok(), bob.do("POST", "keys/query", query).ok()
	own.is(`["user_signing"]`, "user_signing_keys", "@alice:hs", "usage")
	others.is("null", "user_signing_keys").is(`{"ed25519:M2":"M2"}`, "master_keys", "@alice:hs", "keys")
	others.is(`["self_signing"]`, "self_signing_keys", "@alice:hs", "usage")
}

func TestSignatures_AreAddedAndShownToTheirMakers(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob, carol := a.user("alice"), a.user("bob"), a.user("carol")
	alice.do("POST", "keys/upload", obj{"device_keys": deviceKeys(alice)}).ok()
	alice.do("POST", "keys/device_signing/upload", obj{"master_key": crossKeyOf("@alice:hs", "master", "M")}).ok()
	signed := func(by, text string) obj { return obj{"signatures": obj{by: obj{"ed25519:X": text}}} }
	alice.do("POST", "keys/signatures/upload", obj{"@alice:hs": obj{"ALICE": signed("@alice:hs", "own")}}).ok().is("{}", "failures")
	bob.do("POST", "keys/signatures/upload", obj{"@alice:hs": obj{"M": signed("@bob:hs", "verified")}}).ok().is("{}", "failures")
	failed := bob.do("POST", "keys/signatures/upload", obj{
		"@alice:hs": obj{"NONE": signed("@bob:hs", "x"), "M": signed("@carol:hs", "forged")},
		"@none:hs":  obj{"X": signed("@bob:hs", "x")},
	}).ok()
	failed.is(`"M_NOT_FOUND"`, "failures", "@alice:hs", "NONE", "errcode").is(`"M_INVALID_SIGNATURE"`, "failures", "@alice:hs", "M", "errcode")
	failed.is(`"M_NOT_FOUND"`, "failures", "@none:hs", "X", "errcode")

	query := obj{"device_keys": obj{"@alice:hs": []string{}}}
	carol.do("POST", "keys/query", query).ok().
		is(`{"@alice:hs":{"ed25519:X":"own"}}`, "device_keys", "@alice:hs", "ALICE", "signatures").
		is("null", "master_keys", "@alice:hs", "signatures", "@bob:hs")
	bob.do("POST", "keys/query", query).ok().is(`{"ed25519:X":"verified"}`, "master_keys", "@alice:hs", "signatures", "@bob:hs")
}
