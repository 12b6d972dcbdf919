package cgroup

import specs "github.com/opencontainers/runtime-spec/specs-go"

// A demand is one property that a config sets, and the controller that honours
// it in cgroup v1 and in v2.
type demand struct {
	field  string // memory.limit
	v1, v2 string
}

const (
	none    = ""        // nothing honours it
	builtin = "cgroup"  // needs no controller
	deviceC = "devices" // v1's; v2 has a program instead
)

// demands lists what r asks for. A number that is 0 asks for nothing, as with
// runc, except where 0 is a value: pids.limit, swappiness, idle, burst.
func demands(r *specs.LinuxResources) (list []demand) {
	add := func(asked bool, field, v1, v2 string) {
		if asked {
			list = append(list, demand{field, v1, v2})
		}
	}
	add(len(r.Devices) > 0, "devices", deviceC, builtin)
	if m := r.Memory; m != nil {
		add(set(m.Limit), "memory.limit", "memory", "memory")
		add(set(m.Reservation), "memory.reservation", "memory", "memory")
		add(set(m.Swap), "memory.swap", "memory", "memory")
		//lint:ignore SA1019 config.json may still have it: refused
		add(set(m.Kernel), "memory.kernel", none, none)
		add(set(m.KernelTCP), "memory.kernelTCP", none, none)
		add(m.Swappiness != nil, "memory.swappiness", "memory", none)
		add(set(m.DisableOOMKiller), "memory.disableOOMKiller", "memory", none)
		add(set(m.UseHierarchy), "memory.useHierarchy", "memory", "memory") // always so, since Linux 5.11 in v1 too
		add(set(m.CheckBeforeUpdate), "memory.checkBeforeUpdate", "memory", "memory")
	}
	if c := r.CPU; c != nil {
		add(set(c.Shares), "cpu.shares", "cpu", "cpu")
		add(set(c.Quota), "cpu.quota", "cpu", "cpu")
		add(c.Burst != nil, "cpu.burst", "cpu", "cpu")
		add(set(c.Period), "cpu.period", "cpu", "cpu")
		add(set(c.RealtimeRuntime), "cpu.realtimeRuntime", "cpu", none)
		add(set(c.RealtimePeriod), "cpu.realtimePeriod", "cpu", none)
		add(c.Cpus != "", "cpu.cpus", "cpuset", "cpuset")
		add(c.Mems != "", "cpu.mems", "cpuset", "cpuset")
		add(c.Idle != nil, "cpu.idle", "cpu", "cpu")
	}
	add(r.Pids != nil && r.Pids.Limit != nil, "pids.limit", "pids", "pids")
	if b := r.BlockIO; b != nil {
		add(set(b.Weight), "blockIO.weight", "blkio", "io")
		add(set(b.LeafWeight), "blockIO.leafWeight", "blkio", none)
		// In v2 only the BFQ scheduler knows them, and the library drops them without it.
		add(len(b.WeightDevice) > 0, "blockIO.weightDevice", "blkio", none)
		add(len(b.ThrottleReadBpsDevice) > 0, "blockIO.throttleReadBpsDevice", "blkio", "io")
		add(len(b.ThrottleWriteBpsDevice) > 0, "blockIO.throttleWriteBpsDevice", "blkio", "io")
		add(len(b.ThrottleReadIOPSDevice) > 0, "blockIO.throttleReadIOPSDevice", "blkio", "io")
		add(len(b.ThrottleWriteIOPSDevice) > 0, "blockIO.throttleWriteIOPSDevice", "blkio", "io")
	}
	add(len(r.HugepageLimits) > 0, "hugepageLimits", "hugetlb", "hugetlb")
	if n := r.Network; n != nil {
		add(set(n.ClassID), "network.classID", "net_cls", none)
		add(len(n.Priorities) > 0, "network.priorities", "net_prio", none)
	}
	add(len(r.Rdma) > 0, "rdma", "rdma", "rdma")
	add(len(r.Unified) > 0, "unified", none, builtin)
	return list
}

func set[T comparable](p *T) bool {
	var zero T
	return p != nil && *p != zero
}
