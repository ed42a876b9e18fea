using System.CommandLine;

namespace Ssb.Conn.Cli.Commands;

/// <summary><c>completion</c>: a script that has a shell complete our commands, options and their values.</summary>
/// <remarks>The script asks the tool itself, by the directive <c>[suggest]</c> of System.CommandLine: what it offers is what there is.</remarks>
internal sealed class CompletionCommand : CliCommand
{
    private const string Extra =
        """
        Examples:
          ssb-conn completion bash >> ~/.bashrc
          ssb-conn completion zsh > ~/.zfunc/_ssb-conn     (with ~/.zfunc in fpath, before compinit)
          ssb-conn completion fish > ~/.config/fish/completions/ssb-conn.fish
          eval "$(ssb-conn completion bash)"               Only in this shell.

        Exit codes:
          0 it did as asked; 2 the command line was wrong
        """;

    // Bash breaks words at ':', which addresses are full of; so what is handed over is the line up to the cursor.
    private const string Bash =
        """
        # ssb-conn: completion in bash
        _ssb_conn_complete() {
            local line="${COMP_LINE:0:COMP_POINT}"
            line="${line#"${line%%[![:space:]]*}"}"
            local typed="${line#* }"
            [ "$typed" = "$line" ] && typed=""
            local IFS=$'\n'
            COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:${#typed}]" "$typed" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _ssb_conn_complete ssb-conn
        """;

    private const string Zsh =
        """
        #compdef ssb-conn
        # ssb-conn: completion in zsh
        _ssb_conn() {
            local typed="${words[2,CURRENT]}"
            local -a found
            found=("${(@f)$("${words[1]}" "[suggest:${#typed}]" "$typed" 2>/dev/null)}")
            compadd -- "${found[@]}" || _files
        }
        if [ "$funcstack[1]" = "_ssb_conn" ]; then
            _ssb_conn "$@"
        else
            compdef _ssb_conn ssb-conn
        fi
        """;

    private const string Fish =
        """
        # ssb-conn: completion in fish
        function __ssb_conn_complete
            set -l words (commandline -opc) (commandline -ct)
            set -l typed (string join ' ' -- $words[2..-1])
            $words[1] "[suggest:"(string length -- "$typed")"]" "$typed" 2>/dev/null
        end
        complete -c ssb-conn -f -a '(__ssb_conn_complete)'
        """;

    private static readonly Argument<string> s_shell = new("shell") { HelpName = "SHELL", Description = "bash, zsh or fish" };

    static CompletionCommand() => s_shell.CompletionSources.Add("bash", "zsh", "fish");

    public CompletionCommand()
        : base("completion", "Print a script that completes ssb-conn in your shell.", Extra) => Arguments.Add(s_shell);

    public override async Task<int> RunAsync(ParseResult parsed, CliConsole console)
    {
        string shell = parsed.GetRequiredValue(s_shell);
        await console.Output.WriteLineAsync(shell switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            "fish" => Fish,
            _ => throw Typed.Wrong($"SHELL {Typed.Quote(shell)}", "it takes bash, zsh or fish"),
        });
        return ExitCode.Success;
    }
}
