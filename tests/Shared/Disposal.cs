using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Ssb.Conn.Tests.Shared;
using Xunit.v3;

[assembly: Disposal.Reported]

namespace Ssb.Conn.Tests.Shared;

/// <summary>Disposes of what a test used so that no failure hides another one.</summary>
/// <remarks>An exception out of the disposal of a <c>using</c> takes the place of the exception that left its block, which is the one
/// that says why the test failed. So a failed disposal is kept while the test runs, and fails the test after its body has ended: xunit then
/// shows both.</remarks>
internal static class Disposal
{
    private static readonly ConcurrentDictionary<string, ConcurrentQueue<Exception>> s_running = new(); // by the id of the test

    /// <summary>Runs all steps in order, also those after a step that failed.</summary>
    public static async Task RunAsync(params Func<Task>[] steps)
    {
        foreach (Func<Task> step in steps)
        {
            try
            {
                await step();
            }
            catch (Exception e)
            {
                Failed(e);
            }
        }
    }

    /// <summary>Disposes of all in order, of each within <see cref="Patience.Guard"/>, also of those after one that failed.</summary>
    public static Task AllAsync(IEnumerable<IAsyncDisposable> all) =>
        RunAsync([.. all.Select(one => (Func<Task>)(() => DisposeAsync(one)))]);

    /// <summary>Disposes of all at once, likewise: of processes, each of which takes a while to end.</summary>
    public static Task TogetherAsync(IEnumerable<IAsyncDisposable> all) => Task.WhenAll(all.Select(one => RunAsync(() => DisposeAsync(one))));

    /// <summary>Keeps a failure for the end of the body of the running test. Throws it where no body runs, as in the disposal of a test
    /// class, which xunit reports beside the failure of the test.</summary>
    public static void Failed(Exception exception)
    {
        if (TestContext.Current.Test?.UniqueID is { } id && s_running.TryGetValue(id, out ConcurrentQueue<Exception>? failures))
            failures.Enqueue(exception);
        else
            ExceptionDispatchInfo.Throw(exception);
    }

    /// <summary>Takes what has failed in the running test so far. For the tests of this class.</summary>
    public static Exception[] TakeFailures()
    {
        ConcurrentQueue<Exception> failures = s_running[TestContext.Current.Test!.UniqueID]; // a test runs
        var taken = new List<Exception>();
        while (failures.TryDequeue(out Exception? failure))
            taken.Add(failure);
        return [.. taken];
    }

    private static Task DisposeAsync(IAsyncDisposable one) => one.DisposeAsync().AsTask().WaitAsync(Patience.Guard, TimeProvider.System);

    /// <summary>Has xunit report the failures of each test.</summary>
    [AttributeUsage(AttributeTargets.Assembly)]
    internal sealed class ReportedAttribute : BeforeAfterTestAttribute
    {
        /// <inheritdoc/>
        public override void Before(MethodInfo methodUnderTest, IXunitTest test) => s_running[test.UniqueID] = new();

        /// <inheritdoc/>
        public override void After(MethodInfo methodUnderTest, IXunitTest test)
        {
            if (s_running.TryRemove(test.UniqueID, out ConcurrentQueue<Exception>? failures) && !failures.IsEmpty)
                throw new AggregateException("What the test used could not be disposed of.", failures);
        }
    }
}
