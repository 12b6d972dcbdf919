package main

import (
	"slices"

	"github.com/nsboot/nsboot/nsmount"
)

// grant leaves the capabilities that nsboot does not have itself out of the
// process's, with a warning: runtime-spec does not want a runtime with few of them,
// as in a container, to fail for it. Who enters a user namespace gets all of them
// there.
func (a *app) grant(p *nsmount.Process) error {
	if slices.ContainsFunc(p.Namespaces, func(ns nsmount.Namespace) bool { return ns.Type == "user" }) {
		return nil
	}
	own, err := nsmount.OwnCapabilities()
	if err != nil {
		return err
	}
	if missing := p.GrantOnly(own.Permitted); missing != "" {
		a.log.warning("process.capabilities: " + missing + ": nsboot itself does not have it; left out")
	}
	return nil
}
