using System.CommandLine;

namespace Ssb.Conn.Cli.Remote;

/// <summary>One exchange with a running peer, within the time that the options give it.</summary>
internal static class RemoteRun
{
    /// <summary>Attaches to the peer that the options name, and does it.</summary>
    /// <exception cref="FailedException">It could not be done, or not in time.</exception>
    /// <exception cref="MisuseException">The options were wrong.</exception>
    public static async Task<int> RunAsync(ParseResult parsed, TimeProvider time, Func<RemotePeer, CancellationToken, Task> act)
    {
        using RemoteTarget target = RemoteOptions.Read(parsed);
        using var patience = new CancellationTokenSource(target.Timeout, time);
        try
        {
            await using RemotePeer peer = await RemotePeer.AttachAsync(target, patience.Token);
            await act(peer, patience.Token);
            return ExitCode.Success;
        }
        catch (OperationCanceledException e) when (patience.IsCancellationRequested)
        {
            throw new FailedException($"the peer at {target.Name} did not answer within {Durations.Short(target.Timeout)}; a longer time can be given with --timeout", e);
        }
    }
}
