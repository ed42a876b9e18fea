using System.Diagnostics;

namespace Ssb.Conn.Cli.Tests;

/// <summary>A shell in a terminal of a tmux server of its own, which is killed when this is disposed.</summary>
internal sealed class TerminalPane : IDisposable
{
    // Where its socket is, which tmux leaves behind.
    private readonly string _folder = SocketFolder.Create("ssb-conn-");

    // Ends before the time-out of a test does, so that the test can say what was on the screen.
    private readonly CancellationTokenSource _patience;
    private readonly CancellationToken _cancellationToken;

    private TerminalPane(CancellationToken cancellationToken)
    {
        _patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _patience.CancelAfter(2 * Patience.Guard);
        _cancellationToken = _patience.Token;
    }

    /// <summary>Opens one; skips the test, in words, where there is no tmux.</summary>
    public static async Task<TerminalPane> OpenAsync(int width, int height, CancellationToken cancellationToken)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no tmux for Windows."); // under CI=true too: nothing can be installed
        if (!HasTmux())
            Needs.Missing("tmux is not installed (Debian: apt-get install tmux), so that no terminal can be watched.");

        var pane = new TerminalPane(cancellationToken);
        await pane.TmuxAsync("new-session", "-d", "-x", $"{width}", "-y", $"{height}", "env PS1='ready$ ' sh");
        await pane.UntilAsync(screen => screen[0].StartsWith("ready$", StringComparison.Ordinal));
        return pane;
    }

    /// <summary>Types keys, by tmux's names of them.</summary>
    public Task TypeAsync(params string[] keys) => TmuxAsync(["send-keys", .. keys]);

    public Task ResizeAsync(int width, int height) => TmuxAsync("resize-window", "-x", $"{width}", "-y", $"{height}");

    /// <summary>Closes the terminal, as a person closes its window.</summary>
    public Task CloseAsync() => TmuxAsync("kill-session");

    /// <summary>Cursor visible, alternate screen on, wrapping on: what a program may leave behind.</summary>
    public async Task<string> ModesAsync() => (await TmuxAsync("display-message", "-p", "#{cursor_flag} #{alternate_on} #{wrap_flag}")).Trim();

    /// <summary>Looks at the screen, again and again, until it is as expected; after twice <see cref="Patience.Guard"/> for all of a test it gives up.</summary>
    public async Task<string[]> UntilAsync(Func<string[], bool> isExpected)
    {
        string[] screen = [];
        try
        {
            while (true)
            {
                screen = (await TmuxAsync("capture-pane", "-p")).Split('\n');
                if (isExpected(screen))
                    return screen;
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, _cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail("The screen never became as expected; at last it was:\n" + string.Join('\n', screen));
            throw;
        }
    }

    public void Dispose()
    {
        using Process tmux = Start(["kill-server"]);
        tmux.WaitForExit();
        TestFolder.Delete(_folder);
        _patience.Dispose();
    }

    private static bool HasTmux()
    {
        try
        {
            using Process? tmux = Process.Start(new ProcessStartInfo("tmux", "-V") { UseShellExecute = false, RedirectStandardOutput = true });
            tmux?.WaitForExit();
            return tmux is not null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private async Task<string> TmuxAsync(params string[] arguments)
    {
        using Process tmux = Start(arguments);
        Task<string> error = tmux.StandardError.ReadToEndAsync(_cancellationToken);
        string output = await tmux.StandardOutput.ReadToEndAsync(_cancellationToken);
        await tmux.WaitForExitAsync(_cancellationToken);
        Assert.True(tmux.ExitCode == 0, $"tmux {arguments[0]}: {await error}");
        return output;
    }

    private Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo("tmux", ["-u", "-L", "test", "-f", "/dev/null", .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
        };
        start.Environment["TMUX_TMPDIR"] = _folder;
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["TERM"] = "xterm-256color";
        _ = start.Environment.Remove("NO_COLOR");
        return Process.Start(start) ?? throw new InvalidOperationException("tmux did not start");
    }
}
