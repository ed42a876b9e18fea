using System.Diagnostics;

namespace Ssb.Conn.Cli.Tests;

public class CompletionTests
{
    [Theory]
    [InlineData("sta", "stage", "staged")]
    [InlineData("connect --pa", "--path")]
    [InlineData("stage net:a:1 --type room", "room", "room-attendant", "room-attendant-alias")]
    [InlineData("completion ", "bash", "fish", "zsh")]
    [InlineData("watch --js", "--json")]
    [InlineData("start --json --qu", "--quiet")]
    [InlineData("start --no-lan --no-d", "--no-dial")]
    [InlineData("watch --json --pa", "--path")]
    [InlineData("dismiss @x --undo --js", "--json")]
    [InlineData("start --master @x --po", "--port")]
    public async Task Suggest_WhatIsTyped_IsCompleted(string typed, params string[] expected)
    {
        (int code, string output, string error) = await Cli.RunAsync($"[suggest:{typed.Length}]", typed);

        Assert.Equal((0, ""), (code, error));
        string[] offered = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.All(expected, word => Assert.Contains(word, offered));
        Assert.Subset(offered.ToHashSet(), expected.ToHashSet());
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _ssb_conn_complete ssb-conn")]
    [InlineData("zsh", "#compdef ssb-conn")]
    [InlineData("fish", "complete -c ssb-conn -f")]
    public async Task Completion_OfAShell_IsItsScript(string shell, string line)
    {
        (int code, string output, string error) = await Cli.RunAsync("completion", shell);

        Assert.Equal((0, ""), (code, error));
        Assert.Contains(line, output, StringComparison.Ordinal);
        Assert.Contains("[suggest:", output, StringComparison.Ordinal);
    }

    // The real bash, with the real tool: what Tab would offer.
    [Theory]
    [InlineData("ssb-conn stag", "stage staged")]
    [InlineData("ssb-conn stage net:127.0.0.1:8008~shs:KEY= --ty", "--type")]
    [InlineData("ssb-conn completion f", "fish")]
    public async Task Completion_InBash_OffersWhatTheToolSays(string typed, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no bash to ask.");
        const string Ask =
            """
            typed="$1"
            tool=("${@:2}")
            ssb-conn() { "${tool[@]}" "$@"; }
            eval "$(ssb-conn completion bash)"
            COMP_LINE="$typed" COMP_POINT=${#typed}
            COMP_WORDS=($typed) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _ssb_conn_complete
            echo "${COMPREPLY[@]}"
            """;
        var start = new ProcessStartInfo("bash", ["--norc", "-c", Ask, "bash", typed, .. BuiltProgram.Command("ssb-conn")])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process bash = Process.Start(start) ?? throw new InvalidOperationException("bash did not start");
        string output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(expected, output.Trim());
    }
}
