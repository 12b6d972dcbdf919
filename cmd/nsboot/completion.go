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
        --profile | --overlay | --tmp | --ignore | --log | --log-format) ((i++)); [[ ${COMP_WORDS[i]} == "=" ]] && ((i++)) ;;
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
    --format) COMPREPLY=($(compgen -W "tree json" -- "$cur")); return ;;
    --bundle | -b | --rootfs) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --plan | --log | --rw) compopt -o default; return ;;
    --ignore | --source-fds | --preserve-fds) return ;;
    esac
    case $cmd in
    "") if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "--profile --overlay --tmp --ignore --log --log-format --debug --version --help" -- "$cur"))
        else
            COMPREPLY=($(compgen -W "@COMMANDS@ help" -- "$cur"))
        fi ;;
    help) COMPREPLY=($(compgen -W "@COMMANDS@" -- "$cur")) ;;
    run) COMPREPLY=($(compgen -W "--bundle --plan --source-fds --preserve-fds --help --" -- "$cur")) ;;
    plan) COMPREPLY=($(compgen -W "--bundle --format --help" -- "$cur")) ;;
    do) COMPREPLY=($(compgen -W "--rw --help --" -- "$cur")) ;;
    mount | umount) if [[ $cur == -* ]]; then
            [[ $cmd == mount ]] && COMPREPLY=($(compgen -W "--bundle --help" -- "$cur"))
        else
            compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))
        fi ;;
    spec) COMPREPLY=($(compgen -W "--rootfs --help" -- "$cur")) ;;
    delete) COMPREPLY=($(compgen -W "--force --help" -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")) ;;
    esac
}
complete -F _nsboot nsboot
`

const completionZsh = `#compdef nsboot
# nsboot completion for zsh: a file named _nsboot in a directory of $fpath
_nsboot() {
    local state line
    typeset -A opt_args
    _arguments -C \
        '--profile=[whose rules]:profile:(@PROFILES@)' \
        '--overlay=[throwaway layer]:overlay:(none root all)' \
        '--tmp=[what to do about /tmp]:tmp:(auto tmpfs rootfs)' \
        '*--ignore=[accept a field of config.json]:field:' \
        '--log=[write messages to a file]:file:_files' \
        '--log-format=[format of messages]:format:(text json)' \
        '--debug[say what was found out]' \
        '--version[print the version]' \
        '(-h --help)'{-h,--help}'[print the help]' \
        '1:command:(@COMMANDS@ help)' \
        '*::argument:->rest'
    [[ $state == rest ]] || return
    case $words[1] in
    run) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--plan=[replay a recorded plan]:file:_files' '--source-fds=[descriptors]:list:' \
        '--preserve-fds=[how many stay open]:number:' '--help[print the help]' '1:ID:' '*::command:_normal' ;;
    plan) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--format=[form of the plan]:format:(tree json)' '--help[print the help]' ;;
    do) _arguments '*--rw=[let writes there reach the disk]:path:_files' '--help[print the help]' '*::command:_normal' ;;
    mount) _arguments '(-b --bundle)'{-b,--bundle=}'[directory of the bundle]:bundle:_files -/' \
        '--help[print the help]' '1:target:_files -/' ;;
    umount) _arguments '--help[print the help]' '1:target:_files -/' ;;
    spec) _arguments '--rootfs=[root file system]:directory:_files -/' '--help[print the help]' ;;
    delete) _arguments '(-f --force)'{-f,--force}'[gone is no error]' '--help[print the help]' '1:ID:' ;;
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
complete -c nsboot -n __fish_use_subcommand -l profile -x -a '@PROFILES@' -d 'whose rules'
complete -c nsboot -n __fish_use_subcommand -l overlay -x -a 'none root all' -d 'throwaway layer'
complete -c nsboot -n __fish_use_subcommand -l tmp -x -a 'auto tmpfs rootfs' -d 'what to do about /tmp'
complete -c nsboot -n __fish_use_subcommand -l ignore -x -d 'accept a field of config.json'
complete -c nsboot -n __fish_use_subcommand -l log -r -F -d 'write messages to a file'
complete -c nsboot -n __fish_use_subcommand -l log-format -x -a 'text json' -d 'format of messages'
complete -c nsboot -n __fish_use_subcommand -l debug -d 'say what was found out'
complete -c nsboot -n __fish_use_subcommand -l version -d 'print the version'
complete -c nsboot -s h -l help -d 'print the help'
complete -c nsboot -n '__fish_seen_subcommand_from run plan mount' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'directory of the bundle'
complete -c nsboot -n '__fish_seen_subcommand_from run' -l plan -r -F -d 'replay a recorded plan'
complete -c nsboot -n '__fish_seen_subcommand_from run' -l source-fds -x -d 'descriptors of the sources'
complete -c nsboot -n '__fish_seen_subcommand_from run' -l preserve-fds -x -d 'how many stay open'
complete -c nsboot -n '__fish_seen_subcommand_from plan' -l format -x -a 'tree json' -d 'form of the plan'
complete -c nsboot -n '__fish_seen_subcommand_from do' -l rw -r -F -d 'let writes there reach the disk'
complete -c nsboot -n '__fish_seen_subcommand_from mount umount' -x -a '(__fish_complete_directories)'
complete -c nsboot -n '__fish_seen_subcommand_from spec' -l rootfs -x -a '(__fish_complete_directories)' -d 'root file system'
complete -c nsboot -n '__fish_seen_subcommand_from delete' -s f -l force -d 'gone is no error'
complete -c nsboot -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
`
