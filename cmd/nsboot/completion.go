package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/nsboot/nsboot/nsmount"
)

func completionCommand(a *app, args []string) (int, error) {
	fs := newFlags("completion")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	const hint = "one of bash, zsh, fish: nsboot completion bash"
	if fs.NArg() != 1 {
		return 0, &usageError{msg: fmt.Sprintf("completion: %d arguments, one is needed: the shell", fs.NArg()), hint: hint}
	}
	var script string
	switch fs.Arg(0) {
	case "bash":
		script = completionBash
	case "zsh":
		script = completionZsh
	case "fish":
		script = completionFish()
	default:
		return 0, &usageError{msg: fmt.Sprintf("completion: unknown shell %q", fs.Arg(0)), hint: hint}
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	script = strings.NewReplacer("@COMMANDS@", strings.Join(names, " "), "@PROFILES@", strings.Join(nsmount.ProfileNames(), " ")).Replace(script)
	if _, err := io.WriteString(a.stdout, script); err != nil {
		return 0, fmt.Errorf("completion: %w", err)
	}
	return 0, nil
}

const completionBash = `# nsboot completion for bash: source <(nsboot completion bash)
_nsboot() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= word= i
    # readline splits --flag=value at the =
    if [[ $cur == "=" ]]; then cur=; elif [[ $prev == "=" ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --) return ;;
        --root | --profile | --overlay | --tmp | --ignore | --log | --log-format | --rootless | --cgroup-manager) ((i++)); [[ ${COMP_WORDS[i]} == "=" ]] && ((i++)) ;;
        -*) ;;
        *) cmd=$word; break ;;
        esac
    done
    for ((i++; i < COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} == -- ]] && { compopt -o default; return; }; done
    case $prev in
    --profile) COMPREPLY=($(compgen -W "@PROFILES@" -- "$cur")); return ;;
    --overlay) COMPREPLY=($(compgen -W "none root all" -- "$cur")); return ;;
    --tmp) COMPREPLY=($(compgen -W "auto tmpfs rootfs" -- "$cur")); return ;;
    --log-format) COMPREPLY=($(compgen -W "text json" -- "$cur")); return ;;
    --format)
        case $cmd in plan) word=tree ;; verify) word=text ;; *) word=table ;; esac
        COMPREPLY=($(compgen -W "$word json" -- "$cur")); return ;;
    --rootless) COMPREPLY=($(compgen -W "auto false" -- "$cur")); return ;;
    --cgroup-manager) COMPREPLY=($(compgen -W "auto cgroupfs disabled systemd" -- "$cur")); return ;;
    --bundle | -b | --rootfs | --root) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --plan | --log | --rw | --pid-file | --process | --resources | --console-socket) compopt -o default; return ;;
    --skip | --html) compopt -o default; return ;;
    --with) COMPREPLY=($(compgen -c -- "$cur")); return ;;
    --max-entries | --depth | --probe-name) return ;;
    --ignore | --source-fds | --preserve-fds | --user | --cwd | --env | --cap) return ;;
    esac
    case $cmd in
    "") if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "--root --profile --overlay --tmp --ignore --log --log-format --rootless --cgroup-manager --systemd-cgroup --debug --version --help" -- "$cur"))
        else
            COMPREPLY=($(compgen -W "@COMMANDS@ help" -- "$cur"))
        fi ;;
    help) COMPREPLY=($(compgen -W "@COMMANDS@" -- "$cur")) ;;
    run) COMPREPLY=($(compgen -W "--bundle --detach --pid-file --console-socket --keep --plan --source-fds --preserve-fds --help --" -- "$cur")) ;;
    create) COMPREPLY=($(compgen -W "--bundle --pid-file --console-socket --plan --source-fds --preserve-fds --no-new-keyring --help" -- "$cur")) ;;
    start | state | kill | pause | resume | update | delete | ps | verify | exec) _nsboot_container ;;
    list) COMPREPLY=($(compgen -W "--quiet --format --help" -- "$cur")) ;;
    plan) COMPREPLY=($(compgen -W "--bundle --format --json --help" -- "$cur")) ;;
    do) COMPREPLY=($(compgen -W "--rw --help --" -- "$cur")) ;;
    mount | umount) if [[ $cur == -* ]]; then
            [[ $cmd == mount ]] && COMPREPLY=($(compgen -W "--bundle --help" -- "$cur"))
        else
            compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))
        fi ;;
    features | version) COMPREPLY=($(compgen -W "--help" -- "$cur")) ;;
    view) if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "--json --time --no-probe --max-entries --depth --skip --probe-name --help" -- "$cur"))
        else
            compopt -o default
        fi ;;
    compare) if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "--bundle --with --json --time --html --no-probe --help" -- "$cur"))
        else
            compopt -o default
        fi ;;
    spec) COMPREPLY=($(compgen -W "--rootfs --help" -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")) ;;
    esac
}
# What nsboot list -q prints are the IDs; without the right to read them there are none.
_nsboot_container() {
    local flags=--help
    case $cmd in
    kill) flags="--all --help" ;;
    update) flags="--resources --help" ;;
    delete) flags="--force --help" ;;
    ps | verify) flags="--format --help" ;;
    exec) flags="--process --detach --pid-file --user --cwd --env --cap --preserve-fds --tty --console-socket --help" ;;
    esac
    [[ $cur == -* ]] || flags=$(nsboot list -q 2>/dev/null)
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
}
complete -F _nsboot nsboot
`

const completionZsh = `#compdef nsboot
# nsboot completion for zsh: a file named _nsboot in a directory of $fpath
_nsboot() {
    local state line
    typeset -A opt_args
    _arguments -C \
        '--root=[directory of the states]:directory:_files -/' \
        '--profile=[whose rules]:profile:(@PROFILES@)' \
        '--overlay=[throwaway layer]:overlay:(none root all)' \
        '--tmp=[what to do about /tmp]:tmp:(auto tmpfs rootfs)' \
        '*--ignore=[accept a field of config.json]:field:' \
        '--log=[write messages to a file]:file:_files' \
        '--log-format=[format of messages]:format:(text json)' \
        '--rootless=[user namespace]:rootless:(auto false)' \
        '--cgroup-manager=[cgroups]:manager:(auto cgroupfs disabled systemd)' \
        '--systemd-cgroup[cgroups by systemd]' \
        '--debug[say what was found out]' \
        '--version[print the version]' \
        '(-h --help)'{-h,--help}'[print the help]' \
        '1:command:(@COMMANDS@ help)' \
        '*::argument:->rest'
    [[ $state == rest ]] || return
    case $words[1] in
    run) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--plan=[replay a recorded plan]:file:_files' '--source-fds=[descriptors]:list:' \
        '--preserve-fds=[how many stay open]:number:' '(-d --detach)'{-d,--detach}'[leave it running]' \
        '--pid-file=[write the pid]:file:_files' '--console-socket=[hand the terminal over]:socket:_files' '--keep[keep the record]' '--help[print the help]' '1:ID:' '*::command:_normal' ;;
    create) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--plan=[replay a recorded plan]:file:_files' '--source-fds=[descriptors]:list:' \
        '--preserve-fds=[how many stay open]:number:' '--pid-file=[write the pid]:file:_files' \
        '--console-socket=[hand the terminal over]:socket:_files' \
        '--no-new-keyring[accepted]' '--help[print the help]' '1:ID:' ;;
    start | state | pause | resume) _arguments '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" ;;
    kill) _arguments '(-a --all)'{-a,--all}'[all processes]' '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" '2:signal:_signals' ;;
    update) _arguments '(-r --resources)'{-r,--resources=}'[resources object]:file:_files' '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" ;;
    ps) _arguments '(-f --format)'{-f,--format=}'[form]:format:(table json)' '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" ;;
    verify) _arguments '(-f --format)'{-f,--format=}'[form]:format:(text json)' '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" ;;
    list) _arguments '(-q --quiet)'{-q,--quiet}'[IDs only]' '(-f --format)'{-f,--format=}'[form]:format:(table json)' '--help[print the help]' ;;
    exec) _arguments '(-p --process)'{-p,--process=}'[process object]:file:_files' '(-d --detach)'{-d,--detach}'[do not wait]' \
        '--pid-file=[write the pid]:file:_files' '(-u --user)'{-u,--user=}'[UID or UID:GID]:user:' '--cwd=[directory]:directory:' \
        '*'{-e,--env=}'[set KEY=VALUE]:variable:' '*'{-c,--cap=}'[add a capability]:capability:' '--preserve-fds=[how many stay open]:number:' \
        '(-t --tty)'{-t,--tty}'[terminal]' '--console-socket=[hand the terminal over]:socket:_files' '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" '*::command:_normal' ;;
    plan) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--format=[form of the plan]:format:(tree json)' '--json[the same as --format json]' '--help[print the help]' ;;
    do) _arguments '*--rw=[let writes there reach the disk]:path:_files' '--help[print the help]' '*::command:_normal' ;;
    mount) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--help[print the help]' '1:target:_files -/' ;;
    umount) _arguments '--help[print the help]' '1:target:_files -/' ;;
    features | version) _arguments '--help[print the help]' ;;
    view) _arguments '--json[a line of JSON for each thing]' '--time[measure instead]' '--no-probe[try nothing]' '--max-entries=[bound of the tree]:number:' \
        '--depth=[bound of the tree]:number:' '*--skip=[leave out]:path:_files' '--probe-name=[name of what is tried]:name:' \
        '--help[print the help]' '*:path:_files' ;;
    compare) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' '*--with=[a runtime]:command:_command_names' \
        '--json[print a JSON document]' '--time[measure as well]' '--html=[write a page]:file:_files' '--no-probe[try nothing]' '--help[print the help]' '*:view:_files' ;;
    spec) _arguments '--rootfs=[root file system]:directory:_files -/' '--help[print the help]' ;;
    delete) _arguments '(-f --force)'{-f,--force}'[kill it first; gone is no error]' '--help[print the help]' "1:ID:($(nsboot list -q 2>/dev/null))" ;;
    completion) _arguments '1:shell:(bash zsh fish)' ;;
    help) _arguments '1:command:(@COMMANDS@)' ;;
    esac
}
if [[ $funcstack[1] == _nsboot ]]; then _nsboot "$@"; else compdef _nsboot nsboot; fi
`

// completionFish lists the commands with what they do: fish shows that.
func completionFish() string {
	var b strings.Builder
	b.WriteString("# nsboot completion for fish: nsboot completion fish | source\ncomplete -c nsboot -f\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c nsboot -n __fish_use_subcommand -a %s -d '%s'\n", c.name, strings.ReplaceAll(c.short, "'", `\'`))
	}
	b.WriteString(completionFishFlags)
	return b.String()
}

const completionFishFlags = `complete -c nsboot -n __fish_use_subcommand -a help -d 'print the help of a command'
complete -c nsboot -n '__fish_seen_subcommand_from help' -a '@COMMANDS@'
complete -c nsboot -n __fish_use_subcommand -l root -x -a '(__fish_complete_directories)' -d 'directory of the states'
complete -c nsboot -n __fish_use_subcommand -l rootless -x -a 'auto false' -d 'user namespace'
complete -c nsboot -n __fish_use_subcommand -l cgroup-manager -x -a 'auto cgroupfs disabled systemd' -d 'cgroups'
complete -c nsboot -n __fish_use_subcommand -l systemd-cgroup -d 'cgroups by systemd'
complete -c nsboot -n __fish_use_subcommand -l profile -x -a '@PROFILES@' -d 'whose rules'
complete -c nsboot -n __fish_use_subcommand -l overlay -x -a 'none root all' -d 'throwaway layer'
complete -c nsboot -n __fish_use_subcommand -l tmp -x -a 'auto tmpfs rootfs' -d 'what to do about /tmp'
complete -c nsboot -n __fish_use_subcommand -l ignore -x -d 'accept a field of config.json'
complete -c nsboot -n __fish_use_subcommand -l log -r -F -d 'write messages to a file'
complete -c nsboot -n __fish_use_subcommand -l log-format -x -a 'text json' -d 'format of messages'
complete -c nsboot -n __fish_use_subcommand -l debug -d 'say what was found out'
complete -c nsboot -n __fish_use_subcommand -l version -d 'print the version'
complete -c nsboot -s h -l help -d 'print the help'
complete -c nsboot -n '__fish_seen_subcommand_from run create plan mount compare' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'directory of the bundle'
complete -c nsboot -n '__fish_seen_subcommand_from run create' -l plan -r -F -d 'replay a recorded plan'
complete -c nsboot -n '__fish_seen_subcommand_from run create' -l source-fds -x -d 'descriptors of the sources'
complete -c nsboot -n '__fish_seen_subcommand_from run create exec' -l preserve-fds -x -d 'how many stay open'
complete -c nsboot -n '__fish_seen_subcommand_from plan' -l format -x -a 'tree json' -d 'form of the plan'
complete -c nsboot -n '__fish_seen_subcommand_from plan' -l json -d 'the same as --format json'
complete -c nsboot -n '__fish_seen_subcommand_from do' -l rw -r -F -d 'let writes there reach the disk'
complete -c nsboot -n '__fish_seen_subcommand_from mount umount' -x -a '(__fish_complete_directories)'
complete -c nsboot -n '__fish_seen_subcommand_from spec' -l rootfs -x -a '(__fish_complete_directories)' -d 'root file system'
complete -c nsboot -n '__fish_seen_subcommand_from run exec' -s d -l detach -d 'leave it running'
complete -c nsboot -n '__fish_seen_subcommand_from run' -l keep -d 'keep the record'
complete -c nsboot -n '__fish_seen_subcommand_from run create exec' -l pid-file -r -F -d 'write the pid'
complete -c nsboot -n '__fish_seen_subcommand_from run create exec' -l console-socket -r -F -d 'hand the terminal over'
complete -c nsboot -n '__fish_seen_subcommand_from create' -l no-new-keyring -d 'accepted'
complete -c nsboot -n '__fish_seen_subcommand_from start state kill pause resume update delete ps verify exec' -x -a '(nsboot list -q 2>/dev/null)'
complete -c nsboot -n '__fish_seen_subcommand_from kill' -s a -l all -d 'all processes'
complete -c nsboot -n '__fish_seen_subcommand_from update' -s r -l resources -r -F -d 'resources object'
complete -c nsboot -n '__fish_seen_subcommand_from delete' -s f -l force -d 'kill it first; gone is no error'
complete -c nsboot -n '__fish_seen_subcommand_from list' -s q -l quiet -d 'IDs only'
complete -c nsboot -n '__fish_seen_subcommand_from list ps' -s f -l format -x -a 'table json' -d 'form'
complete -c nsboot -n '__fish_seen_subcommand_from verify' -s f -l format -x -a 'text json' -d 'form'
complete -c nsboot -n '__fish_seen_subcommand_from exec' -s p -l process -r -F -d 'process object'
complete -c nsboot -n '__fish_seen_subcommand_from exec' -s u -l user -x -d 'UID or UID:GID'
complete -c nsboot -n '__fish_seen_subcommand_from exec' -l cwd -x -d 'directory'
complete -c nsboot -n '__fish_seen_subcommand_from exec' -s e -l env -x -d 'set KEY=VALUE'
complete -c nsboot -n '__fish_seen_subcommand_from exec' -s c -l cap -x -d 'add a capability'
complete -c nsboot -n '__fish_seen_subcommand_from exec' -s t -l tty -d 'terminal'
complete -c nsboot -n '__fish_seen_subcommand_from view compare' -F
complete -c nsboot -n '__fish_seen_subcommand_from compare' -l with -x -a '(__fish_complete_command)' -d 'a runtime'
complete -c nsboot -n '__fish_seen_subcommand_from compare' -l json -d 'print a JSON document'
complete -c nsboot -n '__fish_seen_subcommand_from view compare' -l time -d 'measure'
complete -c nsboot -n '__fish_seen_subcommand_from compare' -l html -r -F -d 'write a page'
complete -c nsboot -n '__fish_seen_subcommand_from compare' -l no-probe -d 'try nothing'
complete -c nsboot -n '__fish_seen_subcommand_from view' -l json -d 'a line of JSON for each thing'
complete -c nsboot -n '__fish_seen_subcommand_from view' -l no-probe -d 'try nothing'
complete -c nsboot -n '__fish_seen_subcommand_from view' -l max-entries -x -d 'bound of the tree'
complete -c nsboot -n '__fish_seen_subcommand_from view' -l depth -x -d 'bound of the tree'
complete -c nsboot -n '__fish_seen_subcommand_from view' -l skip -r -F -d 'leave out'
complete -c nsboot -n '__fish_seen_subcommand_from view' -l probe-name -x -d 'name of what is tried'
complete -c nsboot -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
`
