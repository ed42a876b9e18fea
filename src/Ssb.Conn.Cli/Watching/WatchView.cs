using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Watching;

/// <summary>Shows a running peer on a terminal until it is told to stop, and turns keys into calls of it.</summary>
internal sealed class WatchView(WatchState state, TimeSpan patience, TimeProvider time, bool colour)
{
    private readonly long _start = time.GetTimestamp();
    private readonly Frames _frames = new(time);
    private Task _call = Task.CompletedTask;

    /// <summary>Shows it.</summary>
    /// <param name="events">What happens, until its token ends it.</param>
    /// <param name="quit">Called when the person asks to end it.</param>
    /// <param name="cancellationToken">Ends it, by its exception.</param>
    public async Task RunAsync(Func<CancellationToken, IAsyncEnumerable<WatchEvent>> events, Action quit, CancellationToken cancellationToken)
    {
        using var terminal = new Terminal(_frames.Redraw);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] tasks = [FollowAsync(events(over.Token)), ObeyAsync(quit, over.Token), DrawAsync(terminal, over.Token)];
        try
        {
            await await Task.WhenAny(tasks);
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll([.. tasks, _call]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowAsync(IAsyncEnumerable<WatchEvent> events)
    {
        await foreach (WatchEvent happened in events)
        {
            state.Apply(happened, time.GetUtcNow());
            _frames.Redraw();
        }
    }

    private async Task ObeyAsync(Action quit, CancellationToken cancellationToken)
    {
        await foreach (ConsoleKey key in Terminal.ReadKeys().ReadAllAsync(cancellationToken))
        {
            int page = Math.Max(1, Terminal.Size.Height / 3);
            switch (state.Press(key, page))
            {
                case WatchWish.Quit:
                    quit();
                    break;
                case WatchWish.Call call:
                    _call = CallAsync(call, cancellationToken); // the state allows one at a time
                    break;
            }

            _frames.Redraw();
        }
    }

    private async Task CallAsync(WatchWish.Call call, CancellationToken cancellationToken)
    {
        RpcValue answer = default;
        string? problem = null;
        using var guard = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(guard.Token, cancellationToken);
        try
        {
            answer = await call.Make(call.Procedure, call.Arguments, both.Token);
        }
        catch (FailedException e)
        {
            problem = e.Brief;
        }
        catch (ObjectDisposedException)
        {
            problem = "the peer is gone";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            problem = $"no answer within {Durations.Short(patience)}";
        }

        state.Done(call, answer, problem);
        _frames.Redraw();
    }

    private Task DrawAsync(Terminal terminal, CancellationToken cancellationToken) => _frames.DrawAsync(
        size => terminal.Show(WatchScreen.Render(state.Model(time.GetUtcNow(), time.GetElapsedTime(_start)), size, colour), size), cancellationToken);
}
