using System.Diagnostics;
using System.Text;
using System.Threading.Channels;

namespace Interop.Tests.Samples;

/// <summary>A sample as a person runs it: lines are typed, and read. For one test, on one thread at a time.</summary>
internal sealed class Sample : IAsyncDisposable
{
    /// <summary>Only a guard: what is waited for comes much sooner, or the test fails.</summary>
    private static readonly TimeSpan s_patience = Patience.Guard;

    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>(); // bounded by the life of the sample
    private readonly List<string> _read = [];
    private readonly Process _process;
    private readonly Task _reading;

    private Sample(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError));
    }

    public int Id => _process.Id;

    public static Sample Start(string name, string folder, params string[] arguments)
    {
        string[] command = BuiltProgram.Command(name);
        var start = new ProcessStartInfo(command[0], [.. command.Skip(1), .. arguments])
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        return new Sample(Process.Start(start)!); // null only with UseShellExecute
    }

    public async Task TypeAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The first line that satisfies the condition, of all that it wrote.</summary>
    public async Task<string> FindAsync(Func<string, bool> wanted)
    {
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        try
        {
            for (int i = 0; ; i++)
            {
                if (i == _read.Count)
                    _read.Add(await _lines.Reader.ReadAsync(guard.Token));
                if (wanted(_read[i]))
                    return _read[i];
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
        {
            throw new InvalidOperationException($"The sample has not written what was waited for, but: {string.Join(Environment.NewLine, _read)}", e);
        }
    }

    /// <summary>Types no more, waits for its end, and gives its exit code.</summary>
    public async Task<int> EndAsync()
    {
        using var guard = new CancellationTokenSource(s_patience, TimeProvider.System);
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(guard.Token);
        await _reading;
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync(StreamReader from)
    {
        while (await from.ReadLineAsync() is { } line)
            _lines.Writer.TryWrite(line);
    }
}
