package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/nsmount"
)

// TestGrant: no machine has capability 63. Where a user namespace is entered all
// may be had.
func TestGrant(t *testing.T) {
	const none = 1 << 63
	own, err := nsmount.OwnCapabilities()
	if err != nil {
		t.Fatal(err)
	}
	sets := nsmount.Capabilities{Bounding: none, Permitted: none | own.Permitted, Effective: none | own.Permitted, Inheritable: none, Ambient: none}
	var warned bytes.Buffer
	a := &app{log: &logger{w: &warned}}
	p := &nsmount.Process{Capabilities: &sets, Namespaces: []nsmount.Namespace{{Type: "user"}}}
	if err := a.grant(p); err != nil || *p.Capabilities != sets || warned.Len() > 0 {
		t.Errorf("in a user namespace: %+v, %v: %s", p.Capabilities, err, &warned)
	}
	p.Namespaces = nil
	if err := a.grant(p); err != nil || *p.Capabilities != (nsmount.Capabilities{Permitted: own.Permitted, Effective: own.Permitted}) {
		t.Errorf("%+v, %v", p.Capabilities, err)
	}
	if !strings.Contains(warned.String(), "process.capabilities: capability 63: nsboot itself does not have it; left out") {
		t.Errorf("said: %s", &warned)
	}
}
