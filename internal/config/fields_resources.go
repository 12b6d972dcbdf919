package config

import specs "github.com/opencontainers/runtime-spec/specs-go"

var resourcesFields = []field[specs.LinuxResources]{
	{"devices", func(d *decoder, v *specs.LinuxResources) { list(d, &v.Devices, readDeviceCgroup) }},
	{"memory", func(d *decoder, v *specs.LinuxResources) { pointer(d, &v.Memory, readMemory) }},
	{"cpu", func(d *decoder, v *specs.LinuxResources) { pointer(d, &v.CPU, readCPU) }},
	{"pids", func(d *decoder, v *specs.LinuxResources) { pointer(d, &v.Pids, readPids) }},
	{"blockIO", func(d *decoder, v *specs.LinuxResources) { pointer(d, &v.BlockIO, readBlockIO) }},
	{"hugepageLimits", func(d *decoder, v *specs.LinuxResources) { list(d, &v.HugepageLimits, readHugepageLimit) }},
	{"network", func(d *decoder, v *specs.LinuxResources) { pointer(d, &v.Network, readNetwork) }},
	{"rdma", func(d *decoder, v *specs.LinuxResources) { dict(d, &v.Rdma, readRdma) }},
	{"unified", func(d *decoder, v *specs.LinuxResources) { dict(d, &v.Unified, readString[string]) }},
}

func readResources(d *decoder, v *specs.LinuxResources) { object(d, v, resourcesFields) }

var deviceCgroupFields = []field[specs.LinuxDeviceCgroup]{
	{"allow", func(d *decoder, v *specs.LinuxDeviceCgroup) { readBool(d, &v.Allow) }},
	{"type", func(d *decoder, v *specs.LinuxDeviceCgroup) { readString(d, &v.Type) }},
	{"major", func(d *decoder, v *specs.LinuxDeviceCgroup) { pointer(d, &v.Major, readInt[int64]) }},
	{"minor", func(d *decoder, v *specs.LinuxDeviceCgroup) { pointer(d, &v.Minor, readInt[int64]) }},
	{"access", func(d *decoder, v *specs.LinuxDeviceCgroup) { readString(d, &v.Access) }},
}

func readDeviceCgroup(d *decoder, v *specs.LinuxDeviceCgroup) { object(d, v, deviceCgroupFields) }

var memoryFields = []field[specs.LinuxMemory]{
	{"limit", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.Limit, readInt[int64]) }},
	{"reservation", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.Reservation, readInt[int64]) }},
	{"swap", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.Swap, readInt[int64]) }},
	//lint:ignore SA1019 config.json may still have it: read, to be named in the warning
	{"kernel", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.Kernel, readInt[int64]) }},
	{"kernelTCP", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.KernelTCP, readInt[int64]) }},
	{"swappiness", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.Swappiness, readInt[uint64]) }},
	{"disableOOMKiller", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.DisableOOMKiller, readBool) }},
	{"useHierarchy", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.UseHierarchy, readBool) }},
	{"checkBeforeUpdate", func(d *decoder, v *specs.LinuxMemory) { pointer(d, &v.CheckBeforeUpdate, readBool) }},
}

func readMemory(d *decoder, v *specs.LinuxMemory) { object(d, v, memoryFields) }

var cpuFields = []field[specs.LinuxCPU]{
	{"shares", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.Shares, readInt[uint64]) }},
	{"quota", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.Quota, readInt[int64]) }},
	{"burst", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.Burst, readInt[uint64]) }},
	{"period", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.Period, readInt[uint64]) }},
	{"realtimeRuntime", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.RealtimeRuntime, readInt[int64]) }},
	{"realtimePeriod", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.RealtimePeriod, readInt[uint64]) }},
	{"cpus", func(d *decoder, v *specs.LinuxCPU) { readString(d, &v.Cpus) }},
	{"mems", func(d *decoder, v *specs.LinuxCPU) { readString(d, &v.Mems) }},
	{"idle", func(d *decoder, v *specs.LinuxCPU) { pointer(d, &v.Idle, readInt[int64]) }},
}

func readCPU(d *decoder, v *specs.LinuxCPU) { object(d, v, cpuFields) }

var pidsFields = []field[specs.LinuxPids]{
	{"limit", func(d *decoder, v *specs.LinuxPids) { pointer(d, &v.Limit, readInt[int64]) }},
}

func readPids(d *decoder, v *specs.LinuxPids) { object(d, v, pidsFields) }

var blockIOFields = []field[specs.LinuxBlockIO]{
	{"weight", func(d *decoder, v *specs.LinuxBlockIO) { pointer(d, &v.Weight, readInt[uint16]) }},
	{"leafWeight", func(d *decoder, v *specs.LinuxBlockIO) { pointer(d, &v.LeafWeight, readInt[uint16]) }},
	{"weightDevice", func(d *decoder, v *specs.LinuxBlockIO) { list(d, &v.WeightDevice, readWeightDevice) }},
	{"throttleReadBpsDevice", func(d *decoder, v *specs.LinuxBlockIO) { list(d, &v.ThrottleReadBpsDevice, readThrottleDevice) }},
	{"throttleWriteBpsDevice", func(d *decoder, v *specs.LinuxBlockIO) { list(d, &v.ThrottleWriteBpsDevice, readThrottleDevice) }},
	{"throttleReadIOPSDevice", func(d *decoder, v *specs.LinuxBlockIO) { list(d, &v.ThrottleReadIOPSDevice, readThrottleDevice) }},
	{"throttleWriteIOPSDevice", func(d *decoder, v *specs.LinuxBlockIO) { list(d, &v.ThrottleWriteIOPSDevice, readThrottleDevice) }},
}

func readBlockIO(d *decoder, v *specs.LinuxBlockIO) { object(d, v, blockIOFields) }

var hugepageLimitFields = []field[specs.LinuxHugepageLimit]{
	{"pageSize", func(d *decoder, v *specs.LinuxHugepageLimit) { readString(d, &v.Pagesize) }},
	{"limit", func(d *decoder, v *specs.LinuxHugepageLimit) { readInt(d, &v.Limit) }},
}

func readHugepageLimit(d *decoder, v *specs.LinuxHugepageLimit) { object(d, v, hugepageLimitFields) }

var networkFields = []field[specs.LinuxNetwork]{
	{"classID", func(d *decoder, v *specs.LinuxNetwork) { pointer(d, &v.ClassID, readInt[uint32]) }},
	{"priorities", func(d *decoder, v *specs.LinuxNetwork) { list(d, &v.Priorities, readInterfacePriority) }},
}

func readNetwork(d *decoder, v *specs.LinuxNetwork) { object(d, v, networkFields) }

var rdmaFields = []field[specs.LinuxRdma]{
	{"hcaHandles", func(d *decoder, v *specs.LinuxRdma) { pointer(d, &v.HcaHandles, readInt[uint32]) }},
	{"hcaObjects", func(d *decoder, v *specs.LinuxRdma) { pointer(d, &v.HcaObjects, readInt[uint32]) }},
}

func readRdma(d *decoder, v *specs.LinuxRdma) { object(d, v, rdmaFields) }

var weightDeviceFields = []field[specs.LinuxWeightDevice]{
	{"major", func(d *decoder, v *specs.LinuxWeightDevice) { readInt(d, &v.Major) }},
	{"minor", func(d *decoder, v *specs.LinuxWeightDevice) { readInt(d, &v.Minor) }},
	{"weight", func(d *decoder, v *specs.LinuxWeightDevice) { pointer(d, &v.Weight, readInt[uint16]) }},
	{"leafWeight", func(d *decoder, v *specs.LinuxWeightDevice) { pointer(d, &v.LeafWeight, readInt[uint16]) }},
}

func readWeightDevice(d *decoder, v *specs.LinuxWeightDevice) { object(d, v, weightDeviceFields) }

var throttleDeviceFields = []field[specs.LinuxThrottleDevice]{
	{"major", func(d *decoder, v *specs.LinuxThrottleDevice) { readInt(d, &v.Major) }},
	{"minor", func(d *decoder, v *specs.LinuxThrottleDevice) { readInt(d, &v.Minor) }},
	{"rate", func(d *decoder, v *specs.LinuxThrottleDevice) { readInt(d, &v.Rate) }},
}

func readThrottleDevice(d *decoder, v *specs.LinuxThrottleDevice) { object(d, v, throttleDeviceFields) }

var interfacePriorityFields = []field[specs.LinuxInterfacePriority]{
	{"name", func(d *decoder, v *specs.LinuxInterfacePriority) { readString(d, &v.Name) }},
	{"priority", func(d *decoder, v *specs.LinuxInterfacePriority) { readInt(d, &v.Priority) }},
}

func readInterfacePriority(d *decoder, v *specs.LinuxInterfacePriority) {
	object(d, v, interfacePriorityFields)
}
