package tmpdetect_test

import (
	"fmt"

	"github.com/nsboot/nsboot/tmpdetect"
)

func ExampleDecide() {
	fmt.Println(tmpdetect.Decide(tmpdetect.RuleRunsc2018(), tmpdetect.Occupied))
	fmt.Println(tmpdetect.Decide(tmpdetect.RuleRunsc2019(), tmpdetect.Occupied))
	_, err := tmpdetect.Decide(tmpdetect.RuleRunsc(), tmpdetect.LinkDangling)
	fmt.Println(err)
	// Output:
	// cover <nil>
	// leave <nil>
	// a tmpfs cannot be mounted here, found a dangling symbolic link: no such file or directory
}
